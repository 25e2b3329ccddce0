DROP TABLE users, workspaces, organisations, infra_meta;
DROP PROCEDURE prim_protect(regclass, text, boolean);
DROP FUNCTION prim_touch(), prim_current_org();
DROP DOMAIN sha256, user_role, topic_name, ulid;
REVOKE ALL ON SCHEMA public FROM prim_owner, prim_app, prim_ingest, prim_worker;
DO $$
DECLARE
    gone text;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM prim_owner', current_database());
    FOREACH gone IN ARRAY ARRAY['prim_app', 'prim_ingest', 'prim_worker', 'prim_owner'] LOOP
        BEGIN
            EXECUTE format('DROP ROLE %I', gone);
        EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
            NULL; -- Another database on this server still uses it.
        END;
    END LOOP;
END
$$;
