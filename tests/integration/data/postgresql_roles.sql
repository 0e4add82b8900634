-- Roles that postgresql_everything.sql gives objects and grants to.
CREATE ROLE owner_one LOGIN PASSWORD 'not a secret';
CREATE ROLE "Owner ""Two""" CREATEDB;
CREATE ROLE reader LOGIN NOINHERIT CONNECTION LIMIT 5 VALID UNTIL '2040-01-01 00:00+00';
GRANT owner_one TO reader WITH ADMIN OPTION;
CREATE ROLE "user" LOGIN PASSWORD 'it''s \ not "one" either';
CREATE ROLE "röle 😀 of; 'many' words" NOLOGIN BYPASSRLS;
GRANT "user" TO "röle 😀 of; 'many' words";
COMMENT ON ROLE reader IS 'reads';
ALTER ROLE reader SET statement_timeout = '10min';
