-- SPDX-License-Identifier: Apache-2.0
-- Everything that a copy of a PostgreSQL database may lose on its way: objects of every kind, ugly names, ugly data.
-- As far as the server's version knows it.
SELECT v >= 120000 AS since_12, v >= 140000 AS since_14,
  CASE WHEN v >= 130000 THEN ', password_required ''false''' ELSE '' END AS no_password,
  CASE WHEN v >= 120000 THEN 'GENERATED ALWAYS AS (i::bigint * 2) STORED' ELSE '' END AS computed,
  CASE WHEN v >= 120000 THEN 'jsonpath' ELSE 'text' END AS jsonpath,
  CASE WHEN v >= 130000 THEN 'pg_snapshot' ELSE 'text' END AS snapshot,
  CASE WHEN v >= 140000 THEN 'int4multirange' ELSE 'text' END AS multirange,
  CASE WHEN v >= 140000 THEN 'Infinity' ELSE '1' END AS infinite,
  CASE WHEN v >= 150000 THEN '(id, t) WHERE (id > 5)' ELSE '' END AS some_of_it
  FROM (SELECT current_setting('server_version_num')::int AS v) s \gset
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION hstore;
CREATE EXTENSION citext SCHEMA public;
CREATE SCHEMA "odd ""Schema""";
CREATE EXTENSION pg_trgm SCHEMA "odd ""Schema""";
CREATE SCHEMA "select" AUTHORIZATION "Röle ""one""";
CREATE SCHEMA "😀 emoji";
COMMENT ON SCHEMA "😀 emoji" IS E'it''s\na \\ comment; -- $$';

-- Types.
CREATE TYPE "odd ""Schema"""."Mood ☺" AS ENUM ('sad', 'so so', 'it''s; "fine"', '😀');
CREATE TYPE "odd ""Schema""".pair AS (a int, "b c" text);
CREATE DOMAIN "odd ""Schema""".positive AS numeric(20, 4) CHECK (VALUE > 0) DEFAULT 1;
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE COLLATION "odd ""Schema"""."my C" (locale = 'C');

CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql IMMUTABLE AS $f$ SELECT $1 * 2; /* ; */ $f$;
\if :since_14
CREATE FUNCTION atomic(i int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT CASE WHEN i > 0 THEN 1 ELSE 2 END; SELECT i; END;
\endif
CREATE FUNCTION "odd ""Schema"""."weird;name"("a b" text DEFAULT ');--', VARIADIC "x" int[] DEFAULT '{}') RETURNS SETOF text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = 'select', "odd ""Schema""" COST 7 AS $$ BEGIN RETURN NEXT $q$a;b$q$; END $$;
CREATE PROCEDURE p(INOUT a int) LANGUAGE plpgsql AS $$ BEGIN a := a + 1; END $$;
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, COMMUTATOR = ===);
CREATE CAST ("odd ""Schema""".pair AS text) WITH INOUT;
CREATE TEXT SEARCH CONFIGURATION "my ts" (COPY = simple);
CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple, STOPWORDS = english);
CREATE CONVERSION myconv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

-- Every type.
CREATE TABLE "odd ""Schema"""."Every ""type""; --" (
  id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY 7) PRIMARY KEY,
  si smallint, i int, bi bigint, n numeric, n2 numeric(12, 3), r real, d double precision, m money,
  c char(5), vc varchar(10), t text, "char" "char", nm name, ci citext,
  b bytea, dt date, tm time, tmtz time with time zone, ts timestamp, tstz timestamptz(3), iv interval,
  bo boolean, mood "odd ""Schema"""."Mood ☺", pt point, ln line, ls lseg, bx box, pa path, po polygon, ci2 circle,
  ip inet, cd cidr, mac macaddr, mac8 macaddr8, bt bit(5), vb bit varying, tsv tsvector, tsq tsquery, u uuid, x xml,
  j json, jb jsonb, jp :jsonpath, ia int[], ta text[][], pr "odd ""Schema""".pair, pra "odd ""Schema""".pair[],
  ir int4range, nr numrange, tr tstzrange, mr :multirange, fr floatrange, pos "odd ""Schema""".positive,
  o oid, rc regclass, lsn pg_lsn, sn :snapshot, hs hstore,
  "select" text COLLATE "odd ""Schema"""."my C", "Ünïcödé 😀" text, " leading space" text,
  gen bigint :computed);
INSERT INTO "odd ""Schema"""."Every ""type""; --" (si, i, bi, n, n2, r, d, m, c, vc, t, "char", nm, ci, b, dt, tm, tmtz, ts, tstz, iv, bo, mood, pt, ln, ls, bx, pa, po,
  ci2, ip, cd, mac, mac8, bt, vb, tsv, tsq, u, x, j, jb, jp, ia, ta, pr, pra, ir, nr, tr, mr, fr, pos, o, rc, lsn, sn, hs, "select", "Ünïcödé 😀", " leading space")
VALUES
 (-32768, -2147483648, -9223372036854775808, 'NaN', -123456789.125, '-Infinity', 'NaN', '-92233720368547758.08', 'a', '', E'tab\tnew\nline\rreturn\\back''quote"\b\f\v', 'x', 'name', 'CasE',
  '\x', '4713-01-01 BC', '24:00:00', '23:59:59.999999+15:59', '4713-01-01 00:00:00 BC', '-infinity', '-178000000 years', false, 'it''s; "fine"', '(1e300,-0)', '{1,2,3}', '[(1,2),(3,4)]', '(1,2),(3,4)', '[(1,2),(3,4)]', '((1,2),(3,4),(5,6))',
  '<(1,2),3>', '::1/128', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'10101', B'', 'a:1A fat:2B', 'fat & (rat | !cat)', '00000000-0000-0000-0000-000000000000', '<a>ü &amp; ]]</a>',
  '{"b": 1,  "a": [null, 1e400]}', '{"b": 1, "a": "\u00e9 😀"}', '$.a[*] ? (@ > 1)', '{{1,2},{3,NULL}}', '{{"a,b","c\"d"},{NULL,"NULL"}}', '(1,"x,""y")', ARRAY[ROW(1, NULL), NULL]::"odd ""Schema""".pair[],
  '[1,10)', '(,1.5]', '[2026-01-01 00:00:00+00,infinity)', '{[1,3),[5,7)}', '[1.5,2.5]', 0.0001, 4294967295, 'pg_class', '16/B374D848', '10:20:10,14,15', '"a=>"=>"b\"c", x=>NULL', 'NULL', '\N', '\.'),
 (32767, 2147483647, 9223372036854775807, :'infinite', 123456789.125, 1.17549435e-38, 4.9406564584124654e-324, '0', 'abcde', '0123456789', '', '', '', '',
  decode((SELECT string_agg(lpad(to_hex(n), 2, '0'), '') FROM generate_series(0, 255) n), 'hex'), 'infinity', '00:00:00.000001', '00:00:00-15:59', 'infinity', '2026-03-29 01:30:00.123456+00', '1 mon -1 day 00:00:00.000001', true, 'sad', '(0,0)', NULL, NULL, NULL, '((1,2),(3,4))', NULL,
  NULL, '192.168.1.1', '::/0', NULL, NULL, NULL, B'1', '', '', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '',
  '"\u0041"', 'null', '$', '{}', '{}', '(,)', '{}', 'empty', 'empty', '(,)', '{}', NULL, 1, 0, NULL, '0/0', NULL, '', '', E'\\', E'\\N'),
 (NULL, NULL, NULL, 0.1234567890123456789012345678901234567890, NULL, 'NaN', '-0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '0044-03-15 BC', NULL, NULL, '0044-03-15 12:00:00.5 BC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO "odd ""Schema"""."Every ""type""; --" (t, b) SELECT repeat('wide 😀 row ', 200000), decode(repeat('00ff0a5c09', 200000), 'hex');

-- Names of 63 bytes, reserved words.
CREATE TABLE "select"."ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt63" (
  "order" serial PRIMARY KEY, "group" text DEFAULT 'x;''y' NOT NULL, "user" int CHECK ("user" <> 5) NO INHERIT,
  "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc63" text UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO "select"."ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt63" ("group", "user") SELECT 'g' || n, n FROM generate_series(10, 500) n;
ALTER TABLE "select"."ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt63" ALTER "group" SET STATISTICS 77, ALTER "group" SET STORAGE EXTERNAL;
CREATE TABLE "😀 emoji"."😀" (id int PRIMARY KEY, "slash/back\slash" text, "new
line" int);
INSERT INTO "😀 emoji"."😀" VALUES (1, '/\', 5), (2, NULL, NULL);
CREATE TABLE "😀 emoji"."/../etc/passwd" (a int);
INSERT INTO "😀 emoji"."/../etc/passwd" VALUES (1);
CREATE TABLE "😀 emoji"."new
line -- ; $$" (a int);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE dropped (a int, gone text, b int);
INSERT INTO dropped VALUES (1, 'x', 2);
ALTER TABLE dropped DROP COLUMN gone;
ALTER TABLE dropped ADD COLUMN late text DEFAULT 'late';

-- Partitions of all kinds, inheritance.
CREATE TABLE parted (k int, region text, v text, PRIMARY KEY (k, region)) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (100);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200) PARTITION BY LIST (region);
CREATE TABLE parted_2_eu PARTITION OF parted_2 FOR VALUES IN ('eu', 'it''s');
CREATE TABLE parted_2_rest PARTITION OF parted_2 DEFAULT;
CREATE TABLE parted_attached (v text, region text NOT NULL, k int NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_attached FOR VALUES FROM (200) TO (MAXVALUE);
CREATE INDEX parted_v ON parted (v);
INSERT INTO parted SELECT n, CASE WHEN n % 2 = 0 THEN 'eu' ELSE 'us' END, 'v' || n FROM generate_series(0, 300) n;
CREATE TABLE hashed (id int, t text) PARTITION BY HASH (t);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT n, 't' || n FROM generate_series(1, 50) n;
CREATE TABLE parent (a int, b text);
CREATE TABLE child (c int) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p');
INSERT INTO child VALUES (2, 'c', 3);

-- Keys: circular, deferrable, not valid, to partitions; exclusion.
CREATE TABLE a (id int PRIMARY KEY, b_id int);
CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a DEFERRABLE INITIALLY DEFERRED);
INSERT INTO a VALUES (1, 1), (2, NULL);
INSERT INTO b VALUES (1, 2), (2, 1);
ALTER TABLE a ADD CONSTRAINT "to b" FOREIGN KEY (b_id) REFERENCES b ON DELETE SET NULL ON UPDATE CASCADE;
CREATE TABLE orphan (a_id int);
INSERT INTO orphan VALUES (99);
ALTER TABLE orphan ADD CONSTRAINT unproven FOREIGN KEY (a_id) REFERENCES a NOT VALID;
ALTER TABLE orphan ADD CONSTRAINT unchecked CHECK (a_id < 50) NOT VALID;
\if :since_12
CREATE TABLE to_parted (k int, region text, FOREIGN KEY (k, region) REFERENCES parted);
INSERT INTO to_parted VALUES (2, 'eu');
\endif
CREATE TABLE rooms (during tsrange, EXCLUDE USING gist (during WITH &&));
INSERT INTO rooms VALUES ('[2026-01-01,2026-01-02)');

-- Indexes.
CREATE TABLE ix (id int NOT NULL, t text, j jsonb, loc point);
INSERT INTO ix SELECT n, 'text ' || n, jsonb_build_object('n', n), point(n, n) FROM generate_series(1, 300) n;
CREATE UNIQUE INDEX ix_id ON ix (id) INCLUDE (t);
CREATE INDEX "ix partial; expression" ON ix ((lower(t) || ';')) WHERE id % 2 = 0 AND t <> 'a''b';
CREATE INDEX ix_desc ON ix (t DESC NULLS LAST, id) WITH (fillfactor = 70);
CREATE INDEX ix_gin ON ix USING gin (j jsonb_path_ops);
CREATE INDEX ix_trgm ON ix USING gin (t "odd ""Schema""".gin_trgm_ops);
CREATE INDEX ix_gist ON ix USING gist (loc);
CREATE INDEX ix_brin ON ix USING brin (id);
CREATE INDEX ix_hash ON ix USING hash (t);
ALTER TABLE ix REPLICA IDENTITY USING INDEX ix_id;
ALTER TABLE ix CLUSTER ON ix_id;
CREATE STATISTICS ix_stats (dependencies, ndistinct) ON id, t FROM ix;
COMMENT ON INDEX "ix partial; expression" IS 'an index';

-- Views, also one that needs a key; materialized ones, one on another, one without rows.
CREATE VIEW plain_view WITH (security_barrier) AS SELECT id, t FROM ix WHERE id < 10 WITH CHECK OPTION;
CREATE TABLE grouped (id int PRIMARY KEY, name text);
CREATE VIEW by_key AS SELECT g.id, g.name, count(*) FROM grouped g GROUP BY g.id;
CREATE MATERIALIZED VIEW "Z mat" AS SELECT id, t FROM ix WHERE id <= 20;
CREATE MATERIALIZED VIEW "A mat on Z" AS SELECT count(*) AS c FROM "Z mat";
CREATE MATERIALIZED VIEW empty_mat AS SELECT 1 AS one WITH NO DATA;
CREATE UNIQUE INDEX mat_ix ON "Z mat" (id);
CREATE RECURSIVE VIEW counting(n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 5;

-- Rules, triggers, policies.
CREATE TABLE logged (id int, note text);
CREATE RULE "log; it" AS ON INSERT TO grouped DO ALSO (INSERT INTO logged VALUES (NEW.id, 'a;b'); INSERT INTO logged VALUES (NEW.id, 'c'));
INSERT INTO grouped VALUES (1, 'one');
CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''a trigger must not run in a restore''; END';
CREATE TRIGGER before_all BEFORE INSERT OR UPDATE OF t ON ix FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION trig('a;b', 'c''d');
CREATE TRIGGER off AFTER DELETE ON ix FOR EACH STATEMENT EXECUTE FUNCTION trig();
ALTER TABLE ix DISABLE TRIGGER off;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON ix DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trig();
CREATE TABLE guarded (id int, owner name DEFAULT current_user);
INSERT INTO guarded VALUES (1, 'x'), (2, 'y');
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "own; rows" ON guarded AS RESTRICTIVE FOR SELECT TO "Röle ""one""", plain_role USING (owner = current_user);
CREATE POLICY all_rows ON guarded USING (true) WITH CHECK (id > 0);

-- Sequences: called, not called, cyclic, big, owned.
CREATE SEQUENCE "Seq; 1" START 5 INCREMENT -3 MINVALUE -1000 MAXVALUE 100 CYCLE CACHE 7;
CREATE SEQUENCE used AS bigint;
SELECT setval('used', 9007199254740993), setval('"Seq; 1"', 42, false);
CREATE TABLE identities (a int GENERATED BY DEFAULT AS IDENTITY, b text);
INSERT INTO identities (b) SELECT 'x' FROM generate_series(1, 12);

-- Large objects with owner, grants and comment.
SELECT lo_from_bytea(424242, decode(repeat('00ff0a5c', 300000), 'hex')), lo_from_bytea(424243, '');
ALTER LARGE OBJECT 424242 OWNER TO "Röle ""one""";
GRANT SELECT ON LARGE OBJECT 424242 TO plain_role;
COMMENT ON LARGE OBJECT 424243 IS 'it''s empty';

-- Foreign data.
CREATE EXTENSION postgres_fdw;
CREATE SERVER "far away" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere', dbname 'it''s');
CREATE USER MAPPING FOR plain_role SERVER "far away" OPTIONS (user 'u' :no_password);
CREATE FOREIGN TABLE far (id int OPTIONS (column_name 'ID'), t text) SERVER "far away" OPTIONS (table_name 'T');

-- Unlogged, storage parameters, inheritance of options.
CREATE UNLOGGED TABLE fleeting (a int PRIMARY KEY) WITH (autovacuum_enabled = false, fillfactor = 50);
INSERT INTO fleeting VALUES (1), (2);

-- Grants of all kinds.
GRANT USAGE ON SCHEMA "odd ""Schema""" TO plain_role WITH GRANT OPTION;
GRANT SELECT ("select", id), UPDATE (t) ON "odd ""Schema"""."Every ""type""; --" TO plain_role;
GRANT ALL ON a TO "Röle ""one""" WITH GRANT OPTION;
GRANT SELECT ON b TO PUBLIC;
REVOKE ALL ON FUNCTION twice(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twice(int) TO plain_role;
ALTER DEFAULT PRIVILEGES FOR ROLE "Röle ""one""" IN SCHEMA "select" GRANT SELECT ON TABLES TO plain_role;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER TABLE grouped OWNER TO "Röle ""one""";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- What is not rows: publications, subscriptions, event triggers, settings.
CREATE PUBLICATION "some; tables" FOR TABLE a, ix :some_of_it WITH (publish = 'insert');
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE SUBSCRIPTION "sub; 1" CONNECTION 'host=/nowhere dbname=x' PUBLICATION "some; tables" WITH (connect = false, slot_name = NONE, enabled = false);
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN IF current_setting(''is_superuser'') = ''nonsense'' THEN RAISE EXCEPTION ''no''; END IF; END';
CREATE EVENT TRIGGER "watch ddl" ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION on_ddl();
COMMENT ON COLUMN "odd ""Schema"""."Every ""type""; --"."Ünïcödé 😀" IS 'ü';
COMMENT ON CONSTRAINT "to b" ON a IS 'a key';
COMMENT ON TRIGGER off ON ix IS 'it is off';
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET work_mem = ''7MB''', current_database());
  EXECUTE format('ALTER DATABASE %I SET search_path = ''select'', "odd ""Schema"""', current_database());
  EXECUTE format('ALTER ROLE plain_role IN DATABASE %I SET statement_timeout = ''7min''', current_database());
  EXECUTE format('COMMENT ON DATABASE %I IS ''it''''s ugly''', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO plain_role', current_database());
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
