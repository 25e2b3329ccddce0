-- Roles, the words every table uses, and who exists: organisations, workspaces, users.
--
-- Four roles, none of which can log in; a login is made a member of what its process needs:
--   prim_owner   owns every object, runs migrations and seeds
--   prim_app     serves people: sees one organisation at a time, through row-level security
--   prim_ingest  writes what devices send; passes by row-level security because COPY needs that, and holds few rights
--   prim_worker  makes artifacts: reads everything, writes little
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['prim_owner', 'prim_app', 'prim_ingest', 'prim_worker'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- Roles belong to the whole server: another database made it.
        END;
        IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
    IF NOT (SELECT rolbypassrls FROM pg_roles WHERE rolname = 'prim_ingest') THEN
        ALTER ROLE prim_ingest BYPASSRLS;
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO prim_owner', current_database());
END
$$;
GRANT USAGE, CREATE ON SCHEMA public TO prim_owner;
GRANT USAGE ON SCHEMA public TO prim_app, prim_ingest, prim_worker;

SET LOCAL ROLE prim_owner;

-- A ULID as text: the same word in the table, the API and the log; sorts by time in the C collation.
CREATE DOMAIN ulid AS text COLLATE "C" CHECK (VALUE ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$');
-- A name that may stand in a topic.
CREATE DOMAIN topic_name AS text COLLATE "C" CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,39}$');
-- The one set of roles a user can have; see the view seed_user_roles for the seeds' other words.
CREATE DOMAIN user_role AS text CHECK (VALUE IN ('owner', 'manager', 'member', 'guest'));
-- SHA-256.
CREATE DOMAIN sha256 AS bytea CHECK (octet_length(VALUE) = 32);

-- The organisation a request is about; NULL when nobody set it, which matches no row.
CREATE FUNCTION prim_current_org() RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('app.current_org', true), '') $$;

-- Every change counts the version up and dates the row.
CREATE FUNCTION prim_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;

-- Puts a tenant's table under row-level security and gives it its trigger.
CREATE PROCEDURE prim_protect(target regclass, org_column text DEFAULT 'org_id', touched boolean DEFAULT true)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant ON %s TO prim_app USING (%I = prim_current_org()) '
        || 'WITH CHECK (%I = prim_current_org())', target, org_column, org_column);
    EXECUTE format('CREATE POLICY service ON %s TO prim_owner, prim_worker USING (true) WITH CHECK (true)', target);
    IF touched THEN
        EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION prim_touch()', target);
    END IF;
END
$$;

-- Which build migrated this database, and when.
CREATE TABLE infra_meta (
    key text PRIMARY KEY,
    value text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE organisations (
    id ulid PRIMARY KEY,
    name topic_name NOT NULL UNIQUE,
    display_name text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 200),
    settings jsonb NOT NULL DEFAULT '{}',
    active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CALL prim_protect('organisations', 'id');

CREATE TABLE workspaces (
    org_id ulid NOT NULL REFERENCES organisations ON DELETE CASCADE,
    id ulid NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name)
);
CALL prim_protect('workspaces');

CREATE TABLE users (
    org_id ulid NOT NULL REFERENCES organisations ON DELETE CASCADE,
    id ulid NOT NULL,
    email varchar(254) NOT NULL CHECK (email = lower(email) AND email ~ '^[^@\s]+@[^@\s]+$'),
    display_name text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 200),
    phone_number varchar(16) CHECK (phone_number ~ '^\+[1-9][0-9]{1,14}$'),
    -- argon2id in PHC form; NULL: this user has no password and cannot log in with one.
    password_hash text CHECK (password_hash LIKE '$argon2id$%'),
    role user_role NOT NULL,
    active boolean NOT NULL DEFAULT true,
    last_login_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, email)
);
CREATE INDEX users_active ON users (org_id, active);
CALL prim_protect('users');

GRANT SELECT ON infra_meta TO prim_app, prim_ingest, prim_worker;
GRANT SELECT ON organisations TO prim_app, prim_ingest, prim_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON workspaces, users TO prim_app;
GRANT SELECT ON workspaces, users TO prim_worker;

RESET ROLE;
