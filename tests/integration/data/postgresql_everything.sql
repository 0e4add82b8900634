-- Every kind of object and type that a backup must bring back, ugly names and ugly data among them.
-- Run by a superuser in a database of UTF8; roles have been made before (postgresql_roles.sql).
SET client_encoding = 'UTF8';
SET client_min_messages = warning;
-- As far as the server's version knows it.
SELECT v >= 120000 AS since_12, v >= 140000 AS since_14, v >= 150000 AS since_15, v >= 180000 AS since_18,
  CASE WHEN v >= 120000 THEN 'GENERATED ALWAYS AS (a * 2) STORED' ELSE '' END AS computed,
  CASE WHEN v >= 120000 THEN 'GENERATED ALWAYS AS ("from" + 1) STORED' ELSE '' END AS computed_ugly,
  CASE WHEN v >= 120000 THEN 'dependencies, mcv' ELSE 'dependencies' END AS statistics,
  CASE WHEN v >= 130000 THEN 'xid8' ELSE 'text' END AS xid8,
  CASE WHEN v >= 140000 THEN 'int4multirange' ELSE 'text' END AS multirange,
  CASE WHEN v >= 140000 THEN 'Infinity' ELSE '1' END AS infinite
  FROM (SELECT current_setting('server_version_num')::int AS v) s \gset

CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION postgres_fdw;

CREATE SCHEMA plain AUTHORIZATION owner_one;
CREATE SCHEMA "Select ""From"" \ 'Where'" AUTHORIZATION "Owner ""Two""";
CREATE SCHEMA "🐘 ünïcode";
CREATE SCHEMA "a/b%c";
COMMENT ON SCHEMA plain IS 'it''s \ a "comment" with %s and $$';

-- Types.
CREATE TYPE plain.mood AS ENUM ('sad', 'so ''so''', 'happy 😀');
ALTER TYPE plain.mood ADD VALUE 'blue' BEFORE 'sad';
CREATE DOMAIN plain.positive AS int CHECK (VALUE > 0) DEFAULT 1;
CREATE DOMAIN plain.small_positive AS plain.positive CHECK (VALUE < 100);
CREATE TYPE plain.pair AS (a int, b text);
CREATE TYPE plain.span AS RANGE (subtype = float8, subtype_diff = float8mi);

-- Functions, procedures, aggregates, operators.
CREATE FUNCTION plain.twice(i int) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT $1 * 2 $$;
CREATE FUNCTION plain.body() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = plain
  AS $body$ BEGIN RETURN 'a ''quoted'' $$ text \ '; END $body$;
\if :since_14
CREATE FUNCTION plain.standard(i int) RETURNS int LANGUAGE sql RETURN i + 1;
\endif
CREATE PROCEDURE plain.act(INOUT i int) LANGUAGE plpgsql AS $$ BEGIN i := i + 1; END $$;
CREATE AGGREGATE plain.product(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
CREATE FUNCTION plain.about(text, text) RETURNS bool LANGUAGE sql IMMUTABLE
  AS $$ SELECT lower($1) = lower($2) $$;
CREATE OPERATOR plain.=~= (LEFTARG = text, RIGHTARG = text, FUNCTION = plain.about,
  COMMUTATOR = OPERATOR(plain.=~=));
CREATE CAST (plain.pair AS text) WITH INOUT;

-- Every type of column.
CREATE TABLE plain.types (
  id int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5) PRIMARY KEY,
  c_bool bool, c_int2 int2, c_int4 int4, c_int8 int8, c_numeric numeric, c_numeric_scaled numeric(30, 10),
  c_float4 float4, c_float8 float8, c_money money, c_text text, c_varchar varchar(50), c_char char(5),
  c_name name, c_qchar "char", c_bytea bytea, c_date date, c_time time, c_timetz timetz,
  c_timestamp timestamp, c_timestamptz timestamptz, c_interval interval, c_uuid uuid, c_json json,
  c_jsonb jsonb, c_xml xml, c_inet inet, c_cidr cidr, c_macaddr macaddr, c_macaddr8 macaddr8,
  c_bit bit(5), c_varbit varbit, c_point point, c_line line, c_lseg lseg, c_box box, c_path path,
  c_polygon polygon, c_circle circle, c_tsvector tsvector, c_tsquery tsquery, c_int4range int4range,
  c_tstzrange tstzrange, c_multirange :multirange, c_span plain.span, c_array int[], c_matrix text[][],
  c_bytea_array bytea[], c_mood plain.mood, c_domain plain.small_positive, c_pair plain.pair,
  c_pairs plain.pair[], c_hstore hstore, c_citext citext, c_oid oid, c_regclass regclass, c_lsn pg_lsn,
  c_xid8 :xid8);
INSERT INTO plain.types (c_bool) VALUES (NULL);
INSERT INTO plain.types OVERRIDING SYSTEM VALUE VALUES (
  1, true, -32768, -2147483648, -9223372036854775808, 123456789012345678901234567890.123456789, 0.0000000001,
  1.17549435e-38, 2.2250738585072014e-308, -92233720368547758.08, E'tab\t nl\n cr\r bs\b \\ \\N \\. end', '', 'ab',
  'name', 'x', '\x00ff0a5c', '4713-01-01 BC', '00:00:00.000001', '23:59:59.999999+14', '4713-01-01 00:00:00 BC',
  '0001-01-01 00:00:00+00 BC', '-178000000 years 1 mon -3 days 04:05:06.000007',
  '00000000-0000-0000-0000-000000000000', '{"b": 1,  "a": [1, 2, {"x": null}], "b": 2}', '{"b": 1, "a": 1e400}',
  '<a>text &amp; more</a>', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'10101', B'1',
  '(1.5,-2)', '{1,2,3}', '[(0,0),(1,1)]', '((1,1),(0,0))', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,1),2>',
  '''it''''s'':1A fat:2', 'fat & !cat', '[1,10)', '["2026-11-20 10:00+00",)', '{[1,3),[5,9)}', '[1.5,2.5]', '{1,NULL,3}',
  '{{"a","b \" c"},{"\\","{}"}}', ARRAY['\x00'::bytea, NULL], 'happy 😀', 42, ROW(1, 'x"y,(z)'), ARRAY[ROW(1, NULL)::plain.pair],
  'a=>NULL, "b c"=>"\"d"', 'CiTeXt', 4294967295, 'plain.types', '16/B374D848', '18446744073709551615');
INSERT INTO plain.types (id, c_numeric, c_float4, c_float8, c_date, c_timestamp, c_timestamptz, c_text, c_int4range)
OVERRIDING SYSTEM VALUE
VALUES (2, 'NaN', 'NaN', 'NaN', 'infinity', 'infinity', '-infinity', '', 'empty'),
       (3, :'infinite', 'Infinity', '-Infinity', '-infinity', '-infinity', 'infinity', NULL, NULL),
       (4, '-0.00', '-0', '-0', '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '\N', '(,)'),
       (5, 1e100, 0.1, 0.1, '2024-02-29', '2026-11-20 10:56:01.5', '2026-10-25 02:30:00+02', '\.', '[5,5]');

-- All byte values, all of Unicode's widths, wide values.
CREATE TABLE plain.bytes (id int PRIMARY KEY, data bytea, words text);
INSERT INTO plain.bytes SELECT i, set_byte('\x00', 0, i), CASE WHEN i > 0 THEN chr(i) END FROM generate_series(0, 255) i;
INSERT INTO plain.bytes VALUES (1000, decode(repeat('00ff10', 3000000), 'hex'), repeat('ä😀\', 1000000));
INSERT INTO plain.bytes VALUES (1001, '', ''), (1002, NULL, NULL);
INSERT INTO plain.bytes SELECT 2000 + i, NULL, chr(c) FROM unnest(ARRAY[127, 128, 2047, 2048, 55295, 57344, 65533, 65536, 1114111]) WITH ORDINALITY AS u(c, i);

-- Ugly names.
CREATE TABLE "Select ""From"" \ 'Where'"."Table; DROP TABLE x; --" (
  "select" int, "A ""quoted"" column" text DEFAULT 'it''s', " " int, "üñï 😀" text,
  "a234567890123456789012345678901234567890123456789012345678901b3" int,
  CONSTRAINT "Check'ed \ it" CHECK ("select" > 0));
INSERT INTO "Select ""From"" \ 'Where'"."Table; DROP TABLE x; --" VALUES (1, E'\\', 2, '😀', 3), (2, NULL, NULL, '', NULL);
CREATE INDEX "Index of ""it""" ON "Select ""From"" \ 'Where'"."Table; DROP TABLE x; --" ("A ""quoted"" column" DESC NULLS LAST, "select") INCLUDE (" ") WHERE "select" > 1;
CREATE TABLE "🐘 ünïcode"."été" (id serial PRIMARY KEY, t text COLLATE "C");
INSERT INTO "🐘 ünïcode"."été" (t) VALUES ('a'), ('B'), ('ß');
CREATE TABLE "a/b%c"."../x" ("." int, ".." int);
INSERT INTO "a/b%c"."../x" VALUES (1, 2);
CREATE TABLE "a/b%c"."line
break" ("co
lumn" int);
INSERT INTO "a/b%c"."line
break" VALUES (7);
CREATE TABLE plain.dollar$1 (a$ int);
-- Reserved words, wherever a name can stand.
CREATE SCHEMA "select" AUTHORIZATION "user";
CREATE TYPE "select"."grant" AS ENUM ('all', 'null', '');
CREATE TABLE "select"."table" ("from" int CONSTRAINT "primary" PRIMARY KEY, "where" text DEFAULT 'order',
  "user" "select"."grant" DEFAULT 'all', "default" int :computed_ugly);
INSERT INTO "select"."table" ("from", "where") VALUES (1, NULL), (2, ''), (3, 'null');
CREATE INDEX "index" ON "select"."table" ("where");
CREATE FUNCTION "select"."returns"("order" int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE VIEW "select"."view" AS SELECT "from" AS "group", "select"."returns"("from") AS "limit" FROM "select"."table";
CREATE SEQUENCE "select"."end" OWNED BY "select"."table"."from";
CREATE TRIGGER "trigger" BEFORE UPDATE ON "select"."table" FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
GRANT SELECT ("from") ON "select"."table" TO "röle 😀 of; 'many' words";
-- 63 bytes, none of them at a character's end too many.
SELECT 'x' || repeat('é', 31) AS long, repeat('😀', 15) || 'abc' AS wide, repeat('y', 62) || 'a' AS one, repeat('y', 62) || 'b' AS other \gset
CREATE SCHEMA :"long" AUTHORIZATION "röle 😀 of; 'many' words";
CREATE TABLE :"long".:"long" (:"long" serial PRIMARY KEY, :"wide" text UNIQUE);
INSERT INTO :"long".:"long" (:"wide") VALUES ('a'), (NULL);
CREATE TABLE :"long".:"wide" (:"one" int, :"other" int REFERENCES :"long".:"long");
INSERT INTO :"long".:"wide" VALUES (1, 2);
CREATE TABLE :"long".:"one" (a int);
CREATE TABLE :"long".:"other" (a int);
INSERT INTO :"long".:"one" VALUES (1);
CREATE FUNCTION :"long".:"long"() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- What patterns, psql, shells and programs take for something else.
CREATE SCHEMA "CamelCase";
CREATE TABLE "CamelCase"."*" ("?" int);
CREATE TABLE "CamelCase"."a.b" ("c.d" int, "C.d" int);
CREATE TABLE "CamelCase".":psql" (":name" int, ":'name'" int, ":""x" int);
CREATE TABLE "CamelCase"."-n --file=x" ("\!" int, "\." text);
CREATE TABLE "CamelCase"."trailing " (" leading" int, U&"tab\0009here" int, "`id`$(id)" int);
CREATE TABLE "CamelCase".camelcase (a int);
CREATE TABLE "CamelCase"."CamelCase" ("A" int, a int);
INSERT INTO "CamelCase"."*" VALUES (1);
INSERT INTO "CamelCase"."a.b" VALUES (1, 2);
INSERT INTO "CamelCase".":psql" VALUES (1, 2, 3);
INSERT INTO "CamelCase"."-n --file=x" VALUES (1, E'\\.'), (2, E'\\.\n\\.');
INSERT INTO "CamelCase"."trailing " VALUES (1, 2, 3);
INSERT INTO "CamelCase"."CamelCase" VALUES (1, 2);
CREATE TABLE plain.nothing ();
INSERT INTO plain.nothing DEFAULT VALUES;
CREATE TABLE plain.empty (a int);
CREATE TABLE plain.dropped (a int, gone text, b int);
INSERT INTO plain.dropped VALUES (1, 'x', 2);
ALTER TABLE plain.dropped DROP COLUMN gone;

-- Generated, identity, defaults, storage, options.
CREATE TABLE plain.computed (a int, b int :computed, c int DEFAULT plain.twice(4),
  d int GENERATED BY DEFAULT AS IDENTITY) WITH (fillfactor = 70);
INSERT INTO plain.computed (a) SELECT generate_series(1, 100);
\if :since_12
CREATE TABLE plain.only_computed (b int GENERATED ALWAYS AS (1) STORED);
INSERT INTO plain.only_computed DEFAULT VALUES;
\endif
\if :since_18
CREATE TABLE plain.virtual (a int NOT NULL, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c int,
  CONSTRAINT "not null" NOT NULL c, CONSTRAINT unforced CHECK (c > 5) NOT ENFORCED);
ALTER TABLE plain.virtual ADD CONSTRAINT later NOT NULL b NOT VALID;
INSERT INTO plain.virtual (a, c) VALUES (1, 2), (3, 4);
\endif
\if :since_15
CREATE TABLE plain.distinct_nulls (a int UNIQUE NULLS NOT DISTINCT);
INSERT INTO plain.distinct_nulls VALUES (NULL), (1);
CREATE VIEW plain.invoked WITH (security_invoker = true) AS SELECT * FROM plain.distinct_nulls;
CREATE PUBLICATION some_columns FOR TABLE plain.distinct_nulls (a) WHERE (a > 0);
CREATE PUBLICATION some_schema FOR TABLES IN SCHEMA "a/b%c";
\endif
ALTER TABLE plain.bytes ALTER data SET STORAGE EXTERNAL, ALTER words SET STATISTICS 500;
CREATE UNLOGGED TABLE plain.volatile (a int);
INSERT INTO plain.volatile VALUES (1);

-- Keys, constraints, exclusion, deferrable, not valid.
CREATE TABLE plain.parent (id int PRIMARY KEY, code text UNIQUE);
INSERT INTO plain.parent SELECT i, 'code ' || i FROM generate_series(1, 50) i;
CREATE TABLE plain.child (id int PRIMARY KEY, parent int NOT NULL REFERENCES plain.parent ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  self int REFERENCES plain.child, during tsrange, EXCLUDE USING gist (during WITH &&));
INSERT INTO plain.child VALUES (1, 1, NULL, '[2026-01-01,2026-01-02)'), (2, 50, 1, '[2026-01-02,2026-01-03)');
ALTER TABLE plain.child ADD CONSTRAINT later CHECK (id > 100) NOT VALID;
-- A ring of foreign keys.
ALTER TABLE plain.parent ADD favourite int;
UPDATE plain.parent SET favourite = 2 WHERE id = 50;
ALTER TABLE plain.parent ADD FOREIGN KEY (favourite) REFERENCES plain.child;

-- Indexes of all methods, statistics, clustering, replica identity.
CREATE INDEX words_trgm ON plain.bytes USING gin (words gin_trgm_ops) WHERE length(words) < 100;
CREATE INDEX types_hash ON plain.types USING hash (c_text);
CREATE INDEX types_brin ON plain.types USING brin (c_int4);
CREATE INDEX types_spgist ON plain.types USING spgist (c_inet);
CREATE UNIQUE INDEX parent_expression ON plain.parent (lower(code), (id % 100));
CREATE STATISTICS plain.parent_statistics (:statistics) ON id, code FROM plain.parent;
ALTER TABLE plain.parent CLUSTER ON parent_pkey;
ALTER TABLE plain.parent REPLICA IDENTITY USING INDEX parent_pkey;

-- Inheritance and partitions of several levels.
CREATE TABLE plain.base (a int, b text);
CREATE TABLE plain.derived (c int) INHERITS (plain.base);
INSERT INTO plain.base VALUES (1, 'base');
INSERT INTO plain.derived VALUES (2, 'derived', 3);
CREATE TABLE plain.measured (at date NOT NULL, place int, value float8) PARTITION BY RANGE (at);
CREATE TABLE plain.measured_2025 PARTITION OF plain.measured FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE plain.measured_2026 PARTITION OF plain.measured FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (place);
CREATE TABLE plain.measured_2026_1 PARTITION OF plain.measured_2026 FOR VALUES IN (1, NULL);
CREATE TABLE plain.measured_2026_rest PARTITION OF plain.measured_2026 DEFAULT;
CREATE TABLE plain.hashed (k text PRIMARY KEY) PARTITION BY HASH (k);
CREATE TABLE plain.hashed_0 PARTITION OF plain.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE plain.hashed_1 PARTITION OF plain.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX measured_place ON plain.measured (place);
INSERT INTO plain.measured SELECT date '2025-06-01' + i, i % 3, i / 7.0 FROM generate_series(0, 500) i;
INSERT INTO plain.hashed SELECT 'k' || i FROM generate_series(1, 100) i;
-- A column in another place than in the parent.
CREATE TABLE plain.attached (value float8, gone int, place int, at date NOT NULL);
ALTER TABLE plain.attached DROP COLUMN gone;
INSERT INTO plain.attached VALUES (1.5, 9, '2030-01-01');
ALTER TABLE plain.measured ATTACH PARTITION plain.attached FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');

-- Views, rules, materialised views that stand on one another.
CREATE VIEW plain.seen WITH (security_barrier) AS SELECT id, code FROM plain.parent WHERE id < 10 WITH CHECK OPTION;
CREATE VIEW plain.over AS SELECT s.*, (SELECT count(*) FROM plain.child) AS n FROM plain.seen s;
CREATE RECURSIVE VIEW plain.counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 5;
CREATE MATERIALIZED VIEW plain.summary AS SELECT place, count(*) AS n, sum(value) AS total FROM plain.measured GROUP BY place;
CREATE UNIQUE INDEX summary_place ON plain.summary (place);
CREATE MATERIALIZED VIEW plain.summary_of_summary AS SELECT count(*) AS n FROM plain.summary;
CREATE MATERIALIZED VIEW plain.unfilled AS SELECT 1 AS one WITH NO DATA;
CREATE RULE refuse AS ON DELETE TO plain.parent WHERE OLD.id = 1 DO INSTEAD NOTHING;

-- Triggers of all kinds.
CREATE TABLE plain.audit (at timestamptz DEFAULT '2026-01-01 00:00+00', what text);
CREATE FUNCTION plain.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO plain.audit (what) VALUES (TG_OP); RETURN COALESCE(NEW, OLD); END $$;
CREATE TRIGGER "Noted ""here""" AFTER INSERT OR UPDATE OF code ON plain.parent FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION plain.note('an argument', 'it''s');
CREATE TRIGGER disabled BEFORE DELETE ON plain.parent FOR EACH STATEMENT EXECUTE FUNCTION plain.note();
ALTER TABLE plain.parent DISABLE TRIGGER disabled;
CREATE CONSTRAINT TRIGGER constrained AFTER INSERT ON plain.child DEFERRABLE FOR EACH ROW EXECUTE FUNCTION plain.note();
CREATE TRIGGER always AFTER TRUNCATE ON plain.child EXECUTE FUNCTION plain.note();
ALTER TABLE plain.child ENABLE ALWAYS TRIGGER always;
CREATE FUNCTION plain.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION plain.on_ddl();

-- Sequences, called and not, of odd settings.
CREATE SEQUENCE plain.called START 7 INCREMENT -3 MINVALUE -1000 MAXVALUE 100 CYCLE CACHE 5;
SELECT nextval('plain.called');
CREATE SEQUENCE plain.not_called START 42;
CREATE SEQUENCE "Select ""From"" \ 'Where'"."Sequence ""1""" AS smallint;
SELECT setval('"Select ""From"" \ ''Where''"."Sequence ""1"""', 32767, true);
SELECT setval('plain.types_id_seq', 1000);

-- Row-level security.
CREATE TABLE plain.secret (id int, who name);
INSERT INTO plain.secret VALUES (1, 'owner_one'), (2, 'reader');
ALTER TABLE plain.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON plain.secret AS PERMISSIVE FOR SELECT TO reader USING (who = current_user);
CREATE POLICY limits ON plain.secret AS RESTRICTIVE FOR INSERT WITH CHECK (id < 100);
ALTER TABLE plain.secret OWNER TO owner_one;

-- Owners, grants (on columns, with grant option, to all), default grants.
ALTER TABLE plain.types OWNER TO owner_one;
ALTER FUNCTION plain.body() OWNER TO "Owner ""Two""";
GRANT SELECT, UPDATE (c_text) ON plain.types TO reader WITH GRANT OPTION;
GRANT USAGE ON SCHEMA plain TO reader, PUBLIC;
GRANT EXECUTE ON FUNCTION plain.twice(int) TO reader;
REVOKE EXECUTE ON FUNCTION plain.body() FROM PUBLIC;
GRANT USAGE ON SEQUENCE plain.called TO reader;
GRANT USAGE ON TYPE plain.mood TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE owner_one IN SCHEMA plain GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE owner_one REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- Comments on everything.
COMMENT ON TABLE plain.types IS 'a table';
COMMENT ON COLUMN plain.types.c_text IS E'a column\nwith lines \\ and ''quotes''';
COMMENT ON INDEX plain.types_hash IS 'an index';
COMMENT ON CONSTRAINT child_pkey ON plain.child IS 'a constraint';
COMMENT ON TRIGGER disabled ON plain.parent IS 'a trigger';
COMMENT ON FUNCTION plain.twice(int) IS 'a function';
COMMENT ON TYPE plain.mood IS 'a type';
COMMENT ON VIEW plain.seen IS 'a view';
COMMENT ON SEQUENCE plain.called IS 'a sequence';
COMMENT ON DOMAIN plain.positive IS 'a domain';
COMMENT ON EVENT TRIGGER watch IS 'an event trigger';
COMMENT ON POLICY limits ON plain.secret IS 'a policy';

-- Foreign data, publications, subscriptions, text search, collations, conversions.
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid', dbname 'x');
CREATE USER MAPPING FOR reader SERVER elsewhere OPTIONS (user 'u');
CREATE FOREIGN TABLE plain.far (a int OPTIONS (column_name 'b')) SERVER elsewhere OPTIONS (table_name 't');
CREATE PUBLICATION chosen FOR TABLE plain.parent, plain.child WITH (publish = 'insert, update');
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE SUBSCRIPTION wanted CONNECTION 'host=nowhere.invalid dbname=x' PUBLICATION p WITH (connect = false, slot_name = NONE);
CREATE COLLATION plain.numbers (provider = icu, locale = 'en-u-kn-true');
CREATE TEXT SEARCH DICTIONARY plain.stems (TEMPLATE = snowball, language = german);
CREATE TEXT SEARCH CONFIGURATION plain.words (COPY = german);
ALTER TEXT SEARCH CONFIGURATION plain.words ALTER MAPPING FOR word WITH plain.stems, simple;

CREATE CONVERSION plain.from_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TYPE plain.shape AS (a int, b text);
CREATE TABLE plain.typed OF plain.shape (a PRIMARY KEY);
INSERT INTO plain.typed VALUES (1, 'x');
CREATE OPERATOR FAMILY plain.ints USING btree;
CREATE OPERATOR CLASS plain.backwards FOR TYPE int4 USING btree FAMILY plain.ints AS
  OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(int4, int4);
\if :since_12
CREATE ACCESS METHOD rows_again TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE plain.by_method (a int) USING rows_again;
INSERT INTO plain.by_method VALUES (1);
\endif
CREATE TEXT SEARCH PARSER plain.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE plain.template (LEXIZE = dsimple_lexize, INIT = dsimple_init);
SELECT current_setting('server_version_num')::int >= 150000 AS has_15 \gset
\if :has_15
CREATE PUBLICATION some_rows FOR TABLE plain.child (id, parent) WHERE (id > 1);
CREATE PUBLICATION a_schema FOR TABLES IN SCHEMA "CamelCase";
CREATE TABLE plain.lonely_null (a int UNIQUE NULLS NOT DISTINCT);
CREATE VIEW plain.asked WITH (security_invoker) AS SELECT 1 AS one;
\endif

-- Large objects with owners and grants.
SELECT lo_from_bytea(900001, decode(repeat('00ff7f80', 400000), 'hex'));
SELECT lo_from_bytea(900002, '');
ALTER LARGE OBJECT 900001 OWNER TO owner_one;
GRANT SELECT ON LARGE OBJECT 900001 TO reader;
COMMENT ON LARGE OBJECT 900002 IS 'an empty one';

-- What belongs to the database itself.
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET search_path = plain, "$user", "Select ""From"" \ ''Where''"', current_database());
  EXECUTE format('ALTER DATABASE %I SET my.setting = %L', current_database(), 'it''s 100% \ ok');
  EXECUTE format('ALTER ROLE reader IN DATABASE %I SET work_mem = ''9MB''', current_database());
  EXECUTE format('COMMENT ON DATABASE %I IS ''the database''', current_database());
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO reader WITH GRANT OPTION', current_database());
END $$;
REFRESH MATERIALIZED VIEW plain.summary;
REFRESH MATERIALIZED VIEW plain.summary_of_summary;
