//! The schema on a real Postgres: up, down, up again; roles; row-level security; seeds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

mod common;

use prim_gateway::db::Role;
use prim_gateway::{migrate, seed};
use prim_proto::AuditKey;
use sqlx::Executor as _;

/// Everything that makes a schema, as text.
const SHAPE: &str = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
    SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'
    UNION ALL SELECT pg_get_constraintdef(oid) || conname || conrelid::regclass FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tablename || policyname || roles::text || coalesce(qual, '') FROM pg_policies
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT proname || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
    UNION ALL SELECT relname || relowner::regrole || relrowsecurity || relforcerowsecurity || coalesce(relacl::text, '')
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^_sqlx'
) AS all_of_it WHERE line !~ 'sqlx_migrations'";

#[tokio::test]
async fn migrations_go_up_down_to_nothing_and_up_to_the_same() {
    let bed = common::empty();
    migrate::up(&bed.database).await.unwrap();
    let first = bed.text(SHAPE);
    assert!(first.contains("records_meeting") && first.contains("prim_app"), "{first}");
    assert!(migrate::status(&bed.database).await.unwrap().iter().all(|step| step.applied));
    migrate::up(&bed.database).await.unwrap();
    assert_eq!(bed.text(SHAPE), first, "running them again changes nothing");

    migrate::down(&bed.database, 0).await.unwrap();
    assert_eq!(bed.text(SHAPE), "", "down leaves nothing behind");
    assert_eq!(bed.text("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'prim\\_%'"), "0");
    migrate::up(&bed.database).await.unwrap();
    assert_eq!(bed.text(SHAPE), first);

    let error = migrate::down(&bed.database, 99).await.unwrap_err().to_string();
    assert!(error.contains("stands at 4") && error.contains("0003_meetings"), "{error}");
    assert_eq!(bed.text(SHAPE), first, "what was refused changed nothing");
    assert_eq!(migrate::down(&bed.database, 2).await.unwrap(), ["0004_views", "0003_meetings"]);
    let error = bed.database.connect(Role::Ingest).await.unwrap_err().to_string();
    assert!(
        error.contains("stands at step 2, this program needs 4; run `prim-gateway migrate up`"),
        "{error}"
    );
    let status = migrate::status(&bed.database).await.unwrap();
    assert_eq!(status.iter().map(|step| step.applied).collect::<Vec<_>>(), [true, true, false, false]);
    migrate::up(&bed.database).await.unwrap();
    assert_eq!(bed.text(SHAPE), first);
    assert_eq!(bed.text("SELECT value FROM infra_meta WHERE key = 'migration'"), "4");
}

#[tokio::test]
async fn the_application_sees_its_own_organisation_and_nothing_without_one() {
    let bed = common::furnished().await;
    let acme = bed.text("SELECT id FROM organisations WHERE name = 'acme'");
    let rival = bed.text("SELECT id FROM organisations WHERE name = 'rival'");
    let meeting = "01KB0000000000000000000000";
    bed.text(&format!(
        "INSERT INTO meetings (org_id, id) VALUES ('{acme}', '{meeting}'), ('{rival}', '{meeting}')"
    ));
    let mut app = bed.database.connect(Role::App).await.unwrap();
    let mut seen = async |table: &str| -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(&mut app).await.unwrap()
    };
    let tables = ["organisations", "workspaces", "users", "devices", "device_keys", "meetings"];
    for table in tables {
        assert_eq!(seen(table).await, 0, "{table} without an organisation");
    }
    app.execute(sqlx::AssertSqlSafe(format!("SET app.current_org = '{acme}'"))).await.unwrap();
    let mut seen = async |table: &str| -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(&mut app).await.unwrap()
    };
    for table in tables {
        assert_eq!(seen(table).await, 1, "{table} of one organisation");
    }
    let foreign = format!(
        "INSERT INTO workspaces (org_id, id, name) VALUES ('{rival}', '01KB0000000000000000000001', 'x')"
    );
    let refused = app.execute(sqlx::AssertSqlSafe(foreign)).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
    let touched = app
        .execute(sqlx::AssertSqlSafe(format!("UPDATE meetings SET title = 'x' WHERE org_id = '{rival}'")))
        .await
        .unwrap();
    assert_eq!(touched.rows_affected(), 0);
    app.execute("SET app.current_org = ''").await.unwrap();
    let none: i64 = sqlx::query_scalar("SELECT count(*) FROM meetings").fetch_one(&mut app).await.unwrap();
    assert_eq!(none, 0, "an empty organisation is none");
    let unprotected = bed.text(
        "SELECT coalesce(string_agg(relname, ','), '') FROM pg_class WHERE relnamespace = 'public'::regnamespace
         AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN ('infra_meta', '_sqlx_migrations')
         AND NOT (relrowsecurity AND relforcerowsecurity)",
    );
    assert_eq!(unprotected, "", "every tenant's table is under forced row-level security");
}

#[tokio::test]
async fn every_role_may_do_its_work_and_no_more() {
    let bed = common::furnished().await;
    let may = async |role: Role, statement: &'static str| -> bool {
        let mut connection = bed.database.connect(role).await.unwrap();
        connection.execute("BEGIN").await.unwrap();
        let done = connection.execute(statement).await;
        match done {
            Ok(_) => true,
            Err(error) => {
                let code = error.as_database_error().and_then(|e| e.code()).unwrap_or_default().into_owned();
                assert_eq!(code, "42501", "{statement}: {error}");
                false
            }
        }
    };
    assert!(!may(Role::Ingest, "UPDATE records SET raw = 'x'").await);
    assert!(!may(Role::Ingest, "DELETE FROM records").await);
    assert!(!may(Role::Ingest, "SELECT * FROM users").await);
    assert!(!may(Role::Ingest, "DELETE FROM meetings").await);
    assert!(!may(Role::App, "INSERT INTO artifacts (org_id) VALUES ('x')").await);
    assert!(!may(Role::App, "UPDATE cursors SET seq = 0").await);
    assert!(!may(Role::App, "UPDATE records SET raw = 'x'").await);
    assert!(!may(Role::App, "SELECT prim_erase_meeting('x', 'y')").await);
    assert!(!may(Role::Worker, "UPDATE meetings SET title = 'x'").await);
    assert!(!may(Role::Worker, "INSERT INTO records (cursor_id) VALUES (1)").await);
    assert!(!may(Role::App, "CREATE TABLE x ()").await);
    assert!(may(Role::Ingest, "UPDATE cursors SET seq = 1").await);
    assert!(may(Role::Worker, "UPDATE meetings SET artifacts_at_change = 1").await);
}

#[tokio::test]
async fn seeding_twice_changes_nothing_and_another_key_is_refused() {
    let bed = common::furnished().await;
    let key = AuditKey::from_seed([1; 32]);
    let again = common::enrol(&bed.database, "acme", "huddle-1", &key).await;
    assert_eq!(
        again.device_ids,
        [bed.text(
            "SELECT id FROM devices d WHERE org_id = (SELECT id FROM organisations WHERE name = 'acme')"
        )]
    );
    for (table, count) in
        [("organisations", 2), ("workspaces", 2), ("users", 2), ("devices", 2), ("device_keys", 2)]
    {
        assert_eq!(bed.count(table), count, "{table}");
    }
    assert_eq!(bed.count("users WHERE password_hash IS NOT NULL"), 0, "no default password");
    let other = seed::Seed {
        org: "acme".parse().unwrap(),
        org_display_name: "Acme".to_owned(),
        workspace: "Main".to_owned(),
        users: Vec::new(),
        devices: vec![("huddle-1".parse().unwrap(), AuditKey::from_seed([9; 32]).public())],
    };
    let error = seed::seed(&bed.database, &other).await.unwrap_err();
    assert!(error.to_string().contains("huddle-1"), "{error}");
    let version =
        "SELECT version FROM workspaces WHERE org_id = (SELECT id FROM organisations WHERE name = 'acme')";
    assert_eq!(bed.text(version), "1");
    bed.text("UPDATE workspaces SET name = 'Second'");
    assert_eq!(bed.text(version), "2", "the trigger counts versions");
}
