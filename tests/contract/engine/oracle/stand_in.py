#!/usr/bin/env -S python3 -ES
# SPDX-License-Identifier: Apache-2.0
"""sqlplus, exp, imp, expdp and impdp as a scenario tells them to behave.

Installed under each of these names in HOME/bin; HOME/scenario.toml says what the server has and what
goes wrong, HOME/state.json what it has become. It replays documented behaviour: answers framed by
the statement itself, logs in the words of the manuals, ends with the exit codes of UNIX. It shows
what is said to Oracle's programs and how their answers are taken, not that Oracle understands. Of what
else a server tells, and of rows that are more than their number, see dictionary.py.
"""

import base64
import json
import os
import re
import struct
import sys
import time

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))
# What is compiled of it is kept there: many are started, and the sources stay as they are.
sys.pycache_prefix = os.path.join(HOME, "compiled")
from dictionary import Dictionary, Refusal, read_scenario, text_of, SCENARIOS  # noqa: E402

NAME = os.path.basename(sys.argv[0])
S = read_scenario(os.path.join(HOME, "scenario.toml"))
STATE = os.path.join(HOME, "state.json")
FILES = os.path.join(HOME, "server_files")
# Whether it tells more than numbers of rows: dictionary.py.
TELLS = "grants" in S.get("server", {})
CHARSETS = {"AL32UTF8": 873, "WE8MSWIN1252": 178, "US7ASCII": 1, "WE8ISO8859P1": 31}


def note(text):
    with open(os.path.join(HOME, "calls.log"), "a") as file:
        file.write(text.replace("\n", " ") + "\n")


def rows_of(schema):
    """How many rows each table has."""
    return schema.get("tables", {}) | {name: len(table["rows"]) for name, table in schema.get("table", {}).items()}


def load_state():
    if os.path.exists(STATE):
        with open(STATE) as file:
            return json.load(file)
    return {"schemas": {name: {"tables": rows_of(schema), "sequences": schema.get("sequences", []),
                               "deferred": schema.get("deferred", []), "partitions": schema.get("partitions", {})}
                        for name, schema in S.get("schema", {}).items()}}


def save_state(state):
    with open(STATE, "w") as file:
        json.dump(state, file)


def server(key, otherwise):
    return S.get("server", {}).get(key, otherwise)


def logs_on(user, password):
    return S["accounts"].get(user) == password


# ---------------------------------------------------------------- classic dumps

def u16(value):
    return struct.pack("<H", value)


def number(value):
    """NUMBER as Oracle stores a whole number that is not negative."""
    digits = []
    while value:
        digits.insert(0, value % 100)
        value //= 100
    if not digits:
        return b"\x80"
    head = 0xC0 + len(digits)
    while digits[-1] == 0:
        digits.pop()
    return bytes([head] + [digit + 1 for digit in digits])


def section(table, rows):
    data = f'INSERT INTO "{table}" ("ID") VALUES (:1)\n'.encode()
    data += u16(1) + u16(2) + u16(22) + u16(0) + u16(0)
    for row in range(rows):
        stored = number(row + 1)
        data += u16(len(stored)) + stored + u16(0)
    return data + b"\xff\xff\n"


def classic_dump(schema, content, client, release):
    database = CHARSETS[server("character_set", "AL32UTF8")]
    client = CHARSETS[client]
    version = ".".join(part.zfill(2) for part in release.split(".")[:3])
    block = 2048
    head = b"\x03" + struct.pack(">H", client) + f"EXPORT:V{version}\n".encode()
    head += f"U{schema}\nRUSERS\n{block}\n0\n72\n0\n".encode()
    head += struct.pack(">HHHH", client, database, 2000, 1) + bytes(9)
    name = b"schema.dmp"
    head += u16(len(name)) + b" " * 20 + b"Sun Nov 22 5:1:7 2026" + name
    data = head.ljust(block, b"\0")
    for one, other in ((database, 2000), (client, client)):
        record = b"\x64\x00\x00\x00\x00\x60" + bytes(88)
        data += (record + b"\x00\x83" + struct.pack(">HH", one, other) + b"\x03").ljust(102, b"\0")[:102]
    for text in ("+00:00", "", "BYTE", "UNUSED", "2", "INTERPRETED", "DISABLE:ALL"):
        data += u16(len(text)) + text.encode()
    data += b"\0\0\n"
    data += b"METRICSUtable definitions\n"
    for sequence in content["sequences"]:
        data += f'CREATE SEQUENCE "{sequence}" MINVALUE 1 MAXVALUE 999 INCREMENT BY 1 START WITH 1 CACHE 20 NOORDER NOCYCLE\n'.encode()
    for table, rows in content["tables"].items():
        data += f'TABLE "{table}"\nCREATE TABLE "{table}" ("ID" NUMBER)  PCTFREE 10 STORAGE(INITIAL 65536)\n'.encode()
        parts = content["partitions"].get(table)
        if parts:
            for part, count in parts.items():
                data += f'PARTITION "{part}"\n'.encode() + section(table, count) + b"ENDPARTITION\n"
        else:
            data += section(table, rows)
        data += b"ENDTABLE\n"
    data += b"METRICEU 1\nMETRICEUG0\nEXIT\nEXIT\n"
    return data.ljust(-(-len(data) // block) * block, b"\0")


def read_classic(data):
    tables, at = {}, 0
    for found in re.finditer(rb'INSERT INTO "(\w+)" [^\n]*\n', data):
        at, rows = found.end() + 10, 0
        while data[at:at + 2] != b"\xff\xff":
            at += 4 + struct.unpack("<H", data[at:at + 2])[0]
            rows += 1
        table = found.group(1).decode()
        tables[table] = tables.get(table, 0) + rows
    sequences = [name.decode() for name in re.findall(rb'CREATE SEQUENCE "(\w+)"', data)]
    return {"tables": tables, "sequences": sequences, "deferred": [], "partitions": {}}


# ---------------------------------------------------------------- the four programs

def parameters():
    if sys.argv[1:] == ["help=y"]:
        print(f"\nExport: Release {S.get('client', {}).get('release', server('version', '19.0.0.0.0'))} - Production on Sun\n")
        sys.exit(0)
    assert len(sys.argv) == 2 and sys.argv[1].startswith("PARFILE="), "only a parameter file"
    path = sys.argv[1].removeprefix("PARFILE=")
    mode = os.stat(path).st_mode & 0o777
    assert mode == 0o600, f"the parameter file is {mode:o}"
    with open(path) as file:
        return dict(line.rstrip("\n").split("=", 1) for line in file)


def say(text):
    print(text, file=sys.stderr, flush=True)


def log_on(given):
    user, _, password = given["USERID"].partition("/")
    note(f"{NAME} {os.environ.get('NLS_LANG')} {os.environ.get('TWO_TASK')} " +
         " ".join(f"{key}={value}" for key, value in sorted(given.items()) if key not in ("FILE", "DUMPFILE", "JOB_NAME", "USERID")) + (" password in PARFILE" if password else ""))
    if not password and server("takes_no_password_from_pipes", False):
        say("EXP-00056: ORACLE error 1005 encountered\nORA-01005: null password given; logon denied")
        sys.exit(1)
    if not password:
        print("Password: ", end="", flush=True)
        password = sys.stdin.readline().rstrip("\n")
    if not logs_on(user, password.strip('"')):
        prefix = {"exp": "EXP", "imp": "IMP", "expdp": "UDE", "impdp": "UDI"}[NAME]
        say(f"{prefix}-00056: ORACLE error 1017 encountered\nORA-01017: invalid username/password; logon denied")
        say(f"{prefix}-00000: {'Export' if NAME.startswith('exp') else 'Import'} terminated unsuccessfully")
        sys.exit(1)


def english():
    return os.environ.get("NLS_LANG", "").startswith("AMERICAN_AMERICA") and not S.get(NAME, {}).get("localised")


def client_set():
    return os.environ.get("NLS_LANG", ".US7ASCII").rsplit(".", 1)[1]


def run_exp():
    given = parameters()
    log_on(given)
    if TELLS:
        Dictionary(HOME, S, given["OWNER"], lambda text: note("meanwhile " + text)).happens(NAME)
    how = S.get("exp", {})
    schema = given["OWNER"]
    content = json.loads(json.dumps(load_state()["schemas"][schema]))
    skipped = how.get("skips", [])
    if server("version", "19").startswith("11.2"):
        skipped = skipped + content["deferred"]
    for table in skipped:
        content["tables"].pop(table, None)
    for table, rows in how.get("loses_rows", {}).items():
        content["tables"][table] -= rows
    dump = classic_dump(schema, content, how.get("client_set", client_set()), server("version", "19.0.0"))
    if how.get("cut"):
        dump = dump[:how["cut"]]
    with open(given["FILE"], "wb") as file:
        if how.get("dies"):
            file.write(dump[:2500])
            file.flush()
            os.kill(os.getpid(), 9)
        file.write(dump)
    words = ("About to export specified users ...", ". . exporting table", "rows exported",
             "Export terminated successfully without warnings.", "Export terminated successfully with warnings.")
    if not english():
        words = ("Exportation des utilisateurs ...", ". . export de la table", "lignes exportees",
                 "Procedure d'export terminee avec succes, sans avertissements.", "Procedure d'export terminee avec avertissements.")
    say(words[0])
    for table, rows in content["tables"].items():
        say(f"{words[1]} {table:>30} {rows:>10} {words[2]}")
    for line in how.get("says", []):
        say(line)
    say(words[4] if how.get("says") else words[3])
    sys.exit(how.get("exit", 0))


def run_imp():
    given = parameters()
    log_on(given)
    how = S.get("imp", {})
    with open(given["FILE"], "rb") as file:
        data = file.read(how["dies_after"]) if "dies_after" in how else file.read()
    if "dies_after" in how:
        os.kill(os.getpid(), 9)
    if not data.startswith(b"\x03"):
        say("IMP-00010: not a valid export file, header failed verification\nIMP-00000: Import terminated unsuccessfully")
        sys.exit(1)
    state = load_state()
    content = read_classic(data)
    for table in how.get("skips", []):
        content["tables"].pop(table, None)
    state["schemas"][given["TOUSER"]] = content
    save_state(state)
    if "brings" in how:
        Dictionary(HOME, S, given["TOUSER"], note).bring(read_scenario(os.path.join(SCENARIOS, how["brings"] + ".toml")))
    for table, rows in content["tables"].items():
        say(f'. . importing table {table:>30} {rows:>10} rows imported')
    for line in how.get("says", []):
        say(line)
    say("Import terminated successfully " + ("with warnings." if how.get("says") else "without warnings."))


def run_expdp():
    given = parameters()
    log_on(given)
    how = S.get("expdp", {})
    schema = given["SCHEMAS"]
    attempt = os.path.join(HOME, "attempts")
    tried = len(open(attempt).read()) if os.path.exists(attempt) else 0
    with open(attempt, "a") as file:
        file.write("x")
    os.makedirs(FILES, exist_ok=True)
    target = os.path.join(FILES, given["DUMPFILE"])
    if tried < how.get("too_old_times", 0):
        open(target, "wb").write(b"half a dump")
        say(f'ORA-31693: Table data object "{schema}"."T" failed to load/unload and is being skipped due to error:\n'
            "ORA-02354: error in exporting/importing data\nORA-01555: snapshot too old: rollback segment number 9 too small")
        say(f'Job "{schema}"."{given["JOB_NAME"]}" completed with 1 error(s) at Sun Nov 22 05:00:00 2026 elapsed 0 00:00:10')
        sys.exit(5)
    with open(os.path.join(HOME, "pump.dmp"), "rb") as source, open(target, "wb") as file:
        file.write(source.read())
    caller = os.getppid()
    while how.get("never_ends") and os.getppid() == caller:
        time.sleep(0.05)
    for table, rows in load_state()["schemas"][schema]["tables"].items():
        say(f'. . exported "{schema}"."{table}"                      5.9 KB       {rows} rows')
    for line in how.get("says", []):
        say(line)
    ends = "completed with 1 error(s)" if how.get("says") else "successfully completed"
    say(f'Job "{schema}"."{given["JOB_NAME"]}" {ends} at Sun Nov 22 05:00:00 2026 elapsed 0 00:00:10')
    sys.exit(5 if how.get("says") else 0)


def run_impdp():
    given = parameters()
    log_on(given)
    assert os.path.exists(os.path.join(FILES, given["DUMPFILE"]))
    source, _, target = given.get("REMAP_SCHEMA", given["SCHEMAS"]).partition(":")
    state = load_state()
    state["schemas"][target or source] = S["impdp"]["gives"] | {"deferred": [], "partitions": {}}
    save_state(state)
    for line in S["impdp"].get("says", []):
        say(line)
    say(f'Job "{source}"."J" successfully completed at Sun Nov 22 05:00:00 2026 elapsed 0 00:00:10')


# ---------------------------------------------------------------- sqlplus

# Views with an owner's objects, by the release that has them first, of the Database Reference.
VIEWS_OF_SCHEMAS = {name: 9 for name in (
    "ALL_TABLES CONSTRAINTS DB_LINKS EXTERNAL_TABLES IND_PARTITIONS INDEXES JOBS LOB_PARTITIONS LOBS OBJECTS PART_TABLES "
    "POLICIES QUEUE_TABLES SCHEDULER_JOBS SEGMENTS SEQUENCES SOURCE SYNONYMS TAB_COLS TAB_COLUMNS TAB_PARTITIONS TAB_PRIVS "
    "TAB_SUBPARTITIONS TABLES VIEWS XML_TAB_COLS XML_TABLES dual").split()} | {
    "EDITIONING_VIEWS": 11, "ENCRYPTED_COLUMNS": 10, "REDACTION_POLICIES": 12, "TAB_IDENTITY_COLS": 12}
# Of the PL/SQL Language Reference; those that are short enough to be taken for a name.
RESERVED_WORDS = set("ALL AND ANY AS ASC AT BY CASE DATE DESC ELSE END FOR FROM GO IF IN INDEX INTO IS LIKE MODE NOT NULL OF ON OR "
                     "ORDER RAW ROW ROWS SET SIZE SQL START TABLE THEN TO TYPE VIEW WHEN WITH".split())


def refuse_reserved_words(text):
    types = "NUMBER|INTEGER|BOOLEAN|CLOB|RAW|BFILE|VARCHAR2|BINARY_INTEGER|SYS_REFCURSOR"
    for name in re.findall(rf"(?:^|; |DECLARE )(\w+) (?:{types})\b", text, re.M):
        if name.upper() in RESERVED_WORDS:
            raise Refusal(f'ORA-06550: line 1, column 1:\nPLS-00103: Encountered the symbol "{name.upper()}"')


def framed(values):
    escaped = (str(value).replace("\\", "\\\\").replace("|", "\\p").replace("\n", "\\n") for value in values)
    return "HF|" + "".join(value + "|" for value in escaped)


class Sqlplus:
    def __init__(self):
        self.user = None
        self.continues = False
        self.seen = None  # its sight of the dictionary, once it asks for it

    def run(self):
        statement = []
        block = False
        for line in sys.stdin:
            line = line.rstrip("\n")
            assert len(line) < 2500, "SP2-0027: Input is too long (> 2499 characters) - line ignored"
            if not statement:
                word = line.split(" ", 1)[0].upper()
                if word == "PROMPT":
                    print(line[7:], flush=True)
                    continue
                if word == "" or word == "SET" and not line.startswith("SET TRANSACTION"):
                    continue
                if word == "WHENEVER":
                    self.continues = "CONTINUE" in line
                    continue
                if word == "EXIT":
                    break
                if word == "CONNECT":
                    self.connect(line[8:])
                    continue
                block = word in ("DECLARE", "BEGIN")
            if block and line == "/":
                self.answer("\n".join(statement))
                statement = []
            elif not block and line.endswith(";"):
                statement.append(line[:-1])
                self.answer("\n".join(statement))
                statement = []
            else:
                statement.append(line)
        if self.seen:
            self.seen.rollback()

    def connect(self, words):
        found = re.fullmatch(r'(\w+)/"([^"]*)"', words)
        note(f"sqlplus {os.environ.get('NLS_LANG')} {os.environ.get('TWO_TASK')} {' '.join(sys.argv[1:])}")
        if not found or not logs_on(found.group(1), found.group(2)):
            print("ERROR:\nORA-01017: invalid username/password; logon denied\n", flush=True)
            return
        self.user = found.group(1)
        for line in server("greeting", []):
            print(line)

    def answer(self, text):
        if self.user is None:
            print("SP2-0640: Not connected", flush=True)
            return
        try:
            for row in self.rows(text):
                print(framed(row) if isinstance(row, (list, tuple)) else row)
        except Refusal as refusal:
            print(f"ERROR at line 1:\n{refusal}\n")
            sys.stdout.flush()
            if "ORA-00028" in str(refusal):
                self.user = None  # the session is no more, sqlplus is
            if not self.continues:
                sys.exit(10)
        sys.stdout.flush()

    def rows(self, text):
        state = load_state()
        for rule in S.get("answer", []):
            if re.search(rule["when"], text, re.S):
                if rule.get("dies"):
                    os.kill(os.getpid(), 9)
                caller = os.getppid()
                while rule.get("hangs") and os.getppid() == caller:
                    time.sleep(0.05)
                if "error" in rule:
                    raise Refusal(rule["error"])
                return rule["rows"]
        asked = re.search(r"DBMS_SQL\.PARSE\(c, (.*?), DBMS_SQL\.NATIVE\)", text, re.S)
        if asked and TELLS:
            return self.dictionary_of_ours().select(text_of(asked.group(1)))
        if not text.startswith("SELECT"):
            return self.change(text, state)
        flat = re.sub(r"\s+", " ", text)
        owner = re.search(r"OWNER = '(\w+)'", flat)
        schema = state["schemas"].get(owner.group(1)) if owner else None
        return self.dictionary(flat, state) if schema is None else self.of_schema(flat, schema)

    def sees_all(self):
        return self.user in server("dbas", []) or "SELECT ANY DICTIONARY" in server("grants", {}).get(self.user, [])

    def dictionary_of_ours(self):
        if self.seen is None:
            self.seen = Dictionary(HOME, S, self.user, note)
        return self.seen

    def execute(self, statement, rest):
        """EXECUTE IMMEDIATE, in a block that says what it has changed and commits, or leaves that to later."""
        refuse_reserved_words(statement)
        changed = self.dictionary_of_ours().execute(statement)
        if "COMMIT;" in rest:
            self.seen.commit()
        return [[changed]] if "ROWCOUNT" in rest else []

    def dictionary(self, flat, state):
        if "SELECT 'HF|'||USER||'|' FROM dual" in flat:
            return [[self.user]]
        if "PRODUCT_COMPONENT_VERSION" in flat:
            return [[server("product", "Oracle Database Enterprise Edition"), server("version", "19.0.0.0.0")]]
        found = re.search(r"NLS_DATABASE_PARAMETERS WHERE PARAMETER = '(\w+)'", flat)
        if found:
            return [[server("character_set", "AL32UTF8") if found.group(1) == "NLS_CHARACTERSET" else "AL16UTF16"]]
        if "CON_NAME" in flat and server("version", "19.").startswith("11."):
            raise Refusal("ORA-02003: invalid USERENV parameter")
        if "DB_NAME" in flat or "CON_NAME" in flat:
            return [["XE"]]
        if "REPLACE(USER," in flat:
            return [[self.user]]
        if "FROM DBA_" in flat and not self.sees_all():
            raise Refusal("ORA-00942: table or view does not exist")
        if "FROM DBA_TABLES" in flat:
            return [["1"]]
        found = re.search(r"ALL_USERS WHERE USERNAME = '(\w+)'", flat)
        if found:
            return [[found.group(1)]] if found.group(1) in state["schemas"] else []
        if "GET_SYSTEM_CHANGE_NUMBER" in flat:
            if not server("flashback", True):
                raise Refusal("ORA-00904: : invalid identifier")
            return [["4711"]]
        if "CURRENT_SCN" in flat:
            raise Refusal("ORA-00942: table or view does not exist")
        if "TIMESTAMP_TO_SCN" in flat:
            return [["4700"]]
        if "FROM USER_TABLESPACES" in flat:
            return [["USERS"], ["MC"]]
        found = re.search(r"USER_DATAPUMP_JOBS WHERE JOB_NAME = '(\w+)'", flat)
        if found:
            return [[found.group(1)]] if os.path.exists(os.path.join(HOME, "jobs", found.group(1))) else []
        if "V$PARAMETER" in flat:
            return [[str(server("undo_retention", 7200))]]
        found = re.search(r"(?:PRIVILEGE|ROLE) = '([^']+)'", flat)
        if "SESSION_PRIVS" in flat or "SESSION_ROLES" in flat:
            return [[found.group(1)]] if found.group(1) in server("privileges", ["CREATE TABLE"]) else []
        if "ALL_DIRECTORIES WHERE" in flat:
            return [["/srv/pump"]] if server("directory", True) else []
        found = re.search(r'COUNT\(\*\).* FROM "(\w+)"\."(\w+)"(?: PARTITION \("(\w+)"\))?', flat)
        if found:
            schema = state["schemas"][found.group(1)]
            if found.group(3):
                return [[schema["partitions"][found.group(2)][found.group(3)]]]
            return [[schema["tables"][found.group(2)]]]
        return []

    def of_schema(self, flat, schema):
        view = re.search(r" FROM (?:ALL_|DBA_|USER_)?(\w+)", flat).group(1)
        since = VIEWS_OF_SCHEMAS.get(view)
        if since is None or since > int(server("version", "19.").split(".")[0]):
            raise Refusal("ORA-00942: table or view does not exist")
        if re.search(r" FROM DBA_", flat) and not self.sees_all():
            raise Refusal("ORA-00942: table or view does not exist")
        if "ENCRYPTED = 'YES'" in flat:
            return []
        if "TABLESPACE_NAME" in flat:
            return [["USERS"]]
        if "SEGMENT_CREATED" in flat:
            return [[name, ""] for name in schema["deferred"]] if view == "ALL_TABLES" else []
        if "LAST_DDL_TIME" in flat:
            return [["2026-11-01 10:00:00 5"]]
        if view == "ALL_TABLES":
            return [[name, "N"] for name in schema["tables"]]
        if view == "TAB_PARTITIONS":
            return [[table, part] for table, parts in schema["partitions"].items() for part in parts]
        if view == "SCHEDULER_JOBS":
            jobs = [job for job in S.get("scheduler_job", []) if f"OWNER = '{job['owner']}'" in flat]
            is_script = "REPEAT_INTERVAL" in flat
            return [[job["job_name"]] + (["PLSQL_BLOCK", "", "", "TRUE"] if is_script else []) for job in jobs]
        if view == "SEQUENCES":
            return [[name, "21", "1", "999", "1", "N", "N", "20"] for name in schema["sequences"]]
        return []

    def change(self, text, state):
        refuse_reserved_words(text)
        immediate = re.match(r"BEGIN\nEXECUTE IMMEDIATE ((?:'(?:[^']|'')*'|CHR\(\d+\)|[|\s])+);(.*)", text, re.S)
        if immediate and TELLS:
            return self.execute(text_of(immediate.group(1)), immediate.group(2))
        found = re.fullmatch(r'ALTER SESSION SET CURRENT_SCHEMA = "(\w+)"', text)
        if found and TELLS:
            self.dictionary_of_ours().schema = found.group(1)
        if text == "COMMIT" and self.seen:
            self.seen.commit()
        note("statement " + re.sub(r"\s+", " ", text)[:160])
        found = re.match(r'CREATE USER "(\w+)" IDENTIFIED BY "', text)
        if found:
            state["schemas"][found.group(1)] = {"tables": {}, "sequences": [], "deferred": [], "partitions": {}}
        found = re.match(r'DROP USER "(\w+)"', text)
        if found:
            state["schemas"].pop(found.group(1), None)
        found = re.search(r"DBMS_DATAPUMP.ATTACH\('(\w+)', USER\).*STOP_JOB\(h, 1, 0\)", text, re.S)
        if found:
            os.remove(os.path.join(HOME, "jobs", found.group(1)))
        if "MATERIALIZE_DEFERRED_SEGMENTS" in text:
            if not server("dbms_space_admin", True):
                raise Refusal("ORA-06550: PLS-00201: identifier 'SYS.DBMS_SPACE_ADMIN' must be declared")
            for schema in state["schemas"].values():
                schema["deferred"] = []
        found = re.match(r'ALTER TABLE "(\w+)"\."(\w+)" ALLOCATE EXTENT', text)
        if found:
            state["schemas"][found.group(1)]["deferred"].remove(found.group(2))
        found = re.search(r"FOR o IN .*OWNER = '(\w+)'", text, re.S)
        if found:
            state["schemas"][found.group(1)] = {"tables": {}, "sequences": [], "deferred": [], "partitions": {}}
        save_state(state)
        if "BFILENAME" in text or "UTL_FILE" in text:
            return self.files(text)
        return []

    def files(self, text):
        name = re.search(r"'(HOLDFAST_\w+\.dmp)'", text).group(1)
        path = os.path.join(FILES, name)
        os.makedirs(FILES, exist_ok=True)
        if "FREMOVE" in text:
            if os.path.exists(path):
                os.remove(path)
            return []
        if "FGETATTR" in text:
            return []
        if "FOPEN" in text:
            with open(path, "wb" if "'wb'" in text else "ab") as file:
                for piece in re.findall(r"HEXTORAW\('(\w+)'\)", text):
                    file.write(bytes.fromhex(piece))
            return []
        with open(path, "rb") as file:
            data = file.read()
        if "GETLENGTH" in text:
            return [[len(data)]]
        at = int(re.search(r"pos NUMBER := (\d+)", text).group(1)) - 1
        count = int(re.search(r"1\.\.(\d+) LOOP", text).group(1))
        size = int(re.search(r"n := (\d+);", text).group(1))
        if server("fetch_stops_at", len(data)) < at + 1:
            return []
        return [[base64.b64encode(data[at + i * size:at + (i + 1) * size]).decode()]
                for i in range(count) if at + i * size < len(data)]


def main():
    if NAME == "sqlplus":
        if sys.argv[1:] == ["-V"]:
            print("\nSQL*Plus: Release 19.0.0.0.0 - Production")
            return
        assert sys.argv[1:] == ["-S", "-L", "/nolog"]
        Sqlplus().run()
        return
    {"exp": run_exp, "imp": run_imp, "expdp": run_expdp, "impdp": run_impdp}[NAME]()


if __name__ == "__main__":
    main()
