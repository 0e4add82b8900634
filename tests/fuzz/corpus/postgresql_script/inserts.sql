--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: f(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.f() RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT 1;
END;


ALTER FUNCTION public.f() OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: t; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.t (
    a integer NOT NULL,
    b text
);


ALTER TABLE public.t OWNER TO postgres;

--
-- Name: v; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.v AS
 SELECT t.a,
    t.b
   FROM public.t;


ALTER TABLE public.v OWNER TO postgres;

--
-- Name: 16396; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('16396');


ALTER LARGE OBJECT 16396 OWNER TO postgres;

--
-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.t VALUES (1, 'row 1');
INSERT INTO public.t VALUES (2, 'row 2');
INSERT INTO public.t VALUES (3, 'row 3');
INSERT INTO public.t VALUES (4, 'row 4');
INSERT INTO public.t VALUES (5, 'row 5');
INSERT INTO public.t VALUES (6, 'row 6');
INSERT INTO public.t VALUES (7, 'row 7');
INSERT INTO public.t VALUES (8, 'row 8');
INSERT INTO public.t VALUES (9, 'row 9');
INSERT INTO public.t VALUES (10, 'row 10');
INSERT INTO public.t VALUES (11, 'row 11');
INSERT INTO public.t VALUES (12, 'row 12');
INSERT INTO public.t VALUES (13, 'row 13');
INSERT INTO public.t VALUES (14, 'row 14');
INSERT INTO public.t VALUES (15, 'row 15');
INSERT INTO public.t VALUES (16, 'row 16');
INSERT INTO public.t VALUES (17, 'row 17');
INSERT INTO public.t VALUES (18, 'row 18');
INSERT INTO public.t VALUES (19, 'row 19');
INSERT INTO public.t VALUES (20, 'row 20');


--
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
--

BEGIN;

SELECT pg_catalog.lo_open('16396', 131072);
SELECT pg_catalog.lowrite(0, '\x616263');
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Name: t t_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_pkey PRIMARY KEY (a);


--
-- PostgreSQL database dump complete
--


