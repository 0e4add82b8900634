# SPDX-License-Identifier: Apache-2.0
"""What a server shows of itself and of its schemas' rows to whoever asks in SQL.

A scenario's sessions, locks, jobs and rows are kept in SQLite, which runs the statements as they are:
a wrong column, join or condition gives a wrong answer, as it would there. What Oracle calls otherwise
is put in its words, what only SQLite takes is refused. What changes stays for the next session.

Names and meanings: Oracle Database Reference 11.2 to 19 (views), PL/SQL Packages and Types Reference
(DBMS_JOB, DBMS_SCHEDULER), SQL Language Reference (functions).
"""

import os
import re
import sqlite3
import tomllib

SCENARIOS = os.path.dirname(os.path.abspath(__file__))
MACHINE = "backup-host"  # where we connect from

# Those columns that somebody asks for.
VIEWS = {
    "all_users": ["username"],
    "gv$session": ["inst_id", "sid", "serial#", "audsid", "username", "program", "module", "machine", "type", "status", "taddr"],
    "gv$locked_object": ["inst_id", "object_id", "session_id", "locked_mode"],
    "dba_2pc_pending": ["local_tran_id", "state", "db_user", "host"],
    "dba_tables": ["owner", "table_name", "dropped"],
    "dba_tab_columns": ["owner", "table_name", "column_name", "data_type", "column_id"],
    "dba_objects": ["owner", "object_name", "object_id"],
    "dba_jobs": ["job", "log_user", "priv_user", "schema_user", "next_date", "this_date", "broken"],
    "scheduler_jobs": ["owner", "job_name", "enabled", "state"],
    "scheduler_running_jobs": ["owner", "job_name"],
}
# A scenario's tables that are views as they are; what it need not say.
TOLD = {
    "session": ("gv$session", {"inst_id": 1, "audsid": 0, "type": "USER", "status": "INACTIVE"}),
    "locked_object": ("gv$locked_object", {"inst_id": 1}),
    "pending": ("dba_2pc_pending", {}),
    "job": ("dba_jobs", {"broken": "N"}),
    "scheduler_job": ("scheduler_jobs", {"enabled": "TRUE", "state": "SCHEDULED"}),
    "running_job": ("scheduler_running_jobs", {}),
}
# From 19c on each job of DBMS_JOB is one of DBMS_SCHEDULER too.
OLD_JOBS = """ UNION ALL SELECT log_user, 'DBMS_JOB$_' || job, CASE broken WHEN 'N' THEN 'TRUE' ELSE 'FALSE' END,
    'SCHEDULED' FROM dba_jobs"""
OLD_RUNNING = " UNION ALL SELECT log_user, 'DBMS_JOB$_' || job FROM dba_jobs WHERE this_date IS NOT NULL"
# What is one's own, by the column that says whose.
OWN = {"tables": "owner", "tab_columns": "owner", "objects": "owner", "jobs": "priv_user",
       "scheduler_jobs": "owner", "scheduler_running_jobs": "owner"}


class Refusal(Exception):
    pass


def merged(base, more):
    """`more` over `base`: tables are joined, all else is replaced."""
    both = isinstance(base, dict) and isinstance(more, dict)
    return base | {key: merged(base.get(key), value) for key, value in more.items()} if both else more


def read_scenario(path):
    """A scenario says what is other than in the one that it is `like`."""
    with open(path, "rb") as file:
        told = tomllib.load(file)
    like = told.pop("like", None)
    return merged(read_scenario(os.path.join(SCENARIOS, like + ".toml")), told) if like else told


def text_of(literal):
    """What 'it''s'||CHR(10)||'…' stands for."""
    return "".join(chr(int(code)) if code else piece.replace("''", "'")
                   for piece, code in re.findall(r"'((?:[^']|'')*)'|CHR\((\d+)\)", literal))


def quoted(value):
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def to_char(value, form=None):
    assert form in (None, "YYYY-MM-DD HH24:MI:SS"), "no other form of dates is told here"
    return None if value is None else str(value)


class Dictionary:
    """One session's sight of it: what it may read, and what it has changed and not committed."""

    def __init__(self, home, scenario, user, note):
        self.scenario, self.user, self.schema, self.note = scenario, user, user, note
        self.release = int(scenario.get("server", {}).get("version", "19.").split(".")[0])
        self.db = sqlite3.connect(os.path.join(home, "dictionary.sqlite"), timeout=60, isolation_level=None)
        self.db.execute("BEGIN IMMEDIATE")
        if self.db.execute("PRAGMA user_version").fetchone()[0] == 0:
            self.fill()
        self.db.execute("COMMIT")
        self.open_session()

    # ------------------------------------------------------------ what there is

    def fill(self):
        for view, columns in VIEWS.items():
            self.db.execute(f'CREATE TABLE "{view}" ({", ".join(f"[{one}]" for one in columns)})')
        is_new = self.release >= 19
        for view, old in (("scheduler_jobs", OLD_JOBS), ("scheduler_running_jobs", OLD_RUNNING)):
            self.db.execute(f"CREATE VIEW dba_{view} AS SELECT * FROM {view}" + (old if is_new else ""))
        self.db.execute("CREATE VIEW all_scheduler_jobs AS SELECT * FROM dba_scheduler_jobs")
        for user in sorted(set(self.scenario["accounts"]) | set(self.scenario.get("schema", {}))):
            self.insert("all_users", {"username": user})
        for key, (view, otherwise) in TOLD.items():
            for row in self.scenario.get(key, []):
                self.insert(view, otherwise | row)
        for name, schema in self.scenario.get("schema", {}).items():
            self.fill_schema(name, schema)
        self.db.execute("PRAGMA user_version = 1")

    def fill_schema(self, owner, schema):
        for number, (name, table) in enumerate(schema.get("table", {}).items()):
            columns = [column.split(" ") for column in table["columns"]]
            self.insert("dba_tables", {"owner": owner, "table_name": name, "dropped": "NO"})
            self.insert("dba_objects", {"owner": owner, "object_name": name, "object_id": table.get("object_id", 1000 + number)})
            self.db.execute(f'CREATE TABLE [{owner}.{name}] ({", ".join(f"[{column}]" for column, _ in columns)})')
            for place, (column, kind) in enumerate(columns):
                self.insert("dba_tab_columns", {"owner": owner, "table_name": name, "column_name": column, "data_type": kind,
                                                "column_id": place + 1})
            for row in table["rows"]:
                self.insert(f"{owner}.{name}", {column: value for (column, _), value in zip(columns, row, strict=True)})

    def insert(self, view, row):
        # As in Oracle an empty text is none.
        values = [None if value == "" else value for value in row.values()]
        names = ", ".join(f"[{name}]" for name in row)
        self.db.execute(f"INSERT INTO [{view}] ({names}) VALUES ({', '.join('?' * len(values))})", values)

    def open_session(self):
        """Each sees its own views, and itself among the sessions."""
        for view, owner in OWN.items():
            self.db.execute(f"CREATE TEMP VIEW user_{view} AS SELECT * FROM dba_{view} WHERE {owner} = {quoted(self.user)}")
        ours = {"inst_id": 1, "sid": os.getpid(), "serial#": 1, "audsid": str(os.getpid()), "username": self.user, "module": "holdfast",
                "program": f"sqlplus@{MACHINE} (TNS V1-V3)", "machine": MACHINE, "type": "USER", "status": "ACTIVE", "taddr": None}
        told = ", ".join(("NULL" if value is None else quoted(value)) + f" AS [{name}]" for name, value in ours.items())
        self.db.execute(f"CREATE TEMP VIEW gv$session AS SELECT * FROM main.gv$session UNION ALL SELECT {told}")
        context = {"SESSION_USER": lambda: self.user, "CURRENT_SCHEMA": lambda: self.schema,
                   "SESSIONID": lambda: str(os.getpid()), "HOST": lambda: MACHINE}
        self.db.create_function("SYS_CONTEXT", 2, lambda space, name: context[name]())
        self.db.create_function("NVL", 2, lambda value, otherwise: otherwise if value is None else value)
        self.db.create_function("NVL2", 3, lambda value, some, none: none if value is None else some)
        self.db.create_function("REGEXP_LIKE", 2, lambda value, form: value is not None and bool(re.search(form, value)))
        for count in (1, 2):
            self.db.create_function("TO_CHAR", count, to_char)
        self.db.create_function("TO_DATE", 2, to_char)

    # ------------------------------------------------------------ what is asked

    def may(self, privilege):
        return self.user in self.scenario["server"].get("dbas", []) or \
            privilege in self.scenario["server"].get("grants", {}).get(self.user, [])

    def check_rights(self, sql):
        hidden = [view for view in re.findall(r"\b(dba_\w+|gv\$\w+)", sql)
                  if not self.may("SELECT ANY DICTIONARY") and not self.may(view.upper().replace("GV$", "GV_$"))]
        others = [owner for owner in re.findall(r'"(\w+)"\."', sql) if owner != self.user and not self.may("SELECT ANY TABLE")]
        if hidden or others:
            raise Refusal("ORA-00942: table or view does not exist")

    def in_words_of_sqlite(self, sql):
        """If all that it names is shown to us."""
        pieces = re.split(r"('(?:[^']|'')*')", sql)
        for i in range(0, len(pieces), 2):
            if re.search(r"::|;|\b(LIMIT|ILIKE)\b| FROM \S+ AS ", pieces[i]):
                raise Refusal("ORA-00933: SQL command not properly ended")
            self.check_rights(pieces[i])
            pieces[i] = re.sub(r'"(\w+)"\."([\w$#]+)"', r"[\1.\2]", pieces[i])
            pieces[i] = re.sub(r'UPDATE "([\w$#]+)"', rf"UPDATE [{self.schema}.\1]", pieces[i])
            # In double quotes SQLite would take a name that is none for a text.
            pieces[i] = re.sub(r'"([\w$#]+)"', r"[\1]", pieces[i]).replace("serial#", "[serial#]")
        return "".join(pieces)

    def run(self, sql):
        try:
            return self.db.execute(self.in_words_of_sqlite(sql))
        except sqlite3.OperationalError as error:
            codes = {"no such table": "ORA-00942: table or view does not exist", "no such column": "ORA-00904: invalid identifier"}
            raise Refusal(codes.get(str(error).split(":")[0], "ORA-00900: invalid SQL statement") + f" ({error})") from error

    def select(self, sql):
        return [["" if value is None else str(value) for value in row] for row in self.run(sql)]

    # ------------------------------------------------------------ what is changed

    def execute(self, sql):
        """One statement, as EXECUTE IMMEDIATE has it; how many rows it changed."""
        self.note("executes " + sql)
        if re.match(r"(BEGIN|DECLARE)\b", sql):
            self.block(sql)
            return ""
        self.begin()
        return self.run(sql).rowcount

    def begin(self):
        if not self.db.in_transaction:
            self.db.execute("BEGIN IMMEDIATE")

    def commit(self):
        if self.db.in_transaction:
            self.db.execute("COMMIT")
            self.note("commits")

    def rollback(self):
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
            self.note("rolls back")

    def happens(self, event):
        """What somebody else does at that moment, as this user."""
        for one in self.scenario.get("meanwhile", []):
            if one["at"] == event:
                self.execute(one["sql"])
                self.commit()

    def bring(self, scenario):
        """What an import makes of the schema: rows and jobs of that scenario."""
        self.begin()
        for name, schema in scenario["schema"].items():
            self.fill_schema(name, schema)
        for row in scenario.get("job", []):
            self.insert("dba_jobs", {"broken": "N"} | row)
        self.db.execute("COMMIT")

    def block(self, text):
        """Blocks of PL/SQL in the forms that are in use: who is the owner takes the first branch, loops
        call the packages for each row, a count of what is left over is raised, and errors with certain
        codes are none."""
        text, _, handler = text.partition(" EXCEPTION WHEN OTHERS THEN ")
        borne = re.findall(r"-(\d+)", handler)
        try:
            self.run_block(text)
        except Refusal as refusal:
            if str(refusal)[4:9] not in borne:
                raise

    def run_block(self, text):
        if "'CURRENT_SCHEMA'" in text and " THEN " in text:
            own, _, others = text.partition(" THEN ")[2].partition(" ELSE ")
            text = own if self.schema == self.user else others
        bind = {"schema_name": quoted(self.schema)}
        loops = r"FOR j IN \((SELECT .*?)\) LOOP (.*?) END LOOP;"
        for query, calls in re.findall(loops, text):
            rows = self.run(query)
            names = [column[0].lower().split(".")[-1] for column in rows.description]
            for row in rows.fetchall():
                self.call(calls, bind | {f"j.{name}": quoted(value) for name, value in zip(names, row)})
        text = re.sub(loops, "", text)
        for query, calls in re.findall(r"OPEN found FOR ('.*?') USING schema_name;(.*?) END LOOP;", text):
            for (name,) in self.select(re.sub(r":\d", bind["schema_name"], text_of(query))):
                self.call(calls, bind | {"name": quoted(name)})
        text = re.sub(r"OPEN found FOR .*? END LOOP;", "", text)
        for query in re.findall(r"EXECUTE IMMEDIATE ('.*?') INTO left_over USING", text):
            count = self.select(re.sub(r":\d", bind["schema_name"], text_of(query)))[0][0]
            raised = re.search(r"IF left_over > 0 THEN RAISE_APPLICATION_ERROR\(-20001, (.*?)\); END IF;", text)
            if int(count) > 0:
                said = raised.group(1).replace("left_over", count).replace("schema_name", bind["schema_name"])
                raise Refusal(f"ORA-20001: {self.db.execute('SELECT ' + said).fetchone()[0]}\nORA-06512: at line 1")
        self.call(text, bind)

    def call(self, calls, bind):
        for name, arguments in re.findall(r"(DBMS_\w+\.\w+)\((.*?)\);|COMMIT;", calls):
            if not name:
                self.commit()
                continue
            for variable, value in bind.items():
                arguments = re.sub(rf"(?<![\w.'$]){re.escape(variable)}(?![\w'])", lambda _: value, arguments)
            given = self.db.execute("SELECT " + arguments).fetchone()
            {"DBMS_JOB.BROKEN": self.break_job, "DBMS_JOB.REMOVE": self.remove_job,
             "DBMS_SCHEDULER.DISABLE": self.disable, "DBMS_SCHEDULER.ENABLE": self.enable,
             "DBMS_SCHEDULER.DROP_JOB": self.drop_job}[name](*given)

    def break_job(self, job, is_broken, next_date="now"):
        """Of one's own; a job that goes on without a time runs at once."""
        self.begin()
        changed = self.db.execute("UPDATE dba_jobs SET broken = ?, next_date = ? WHERE job = ? AND priv_user = ?",
                                  ("Y" if is_broken else "N", "4000-01-01 00:00:00" if is_broken else next_date, job, self.user))
        if changed.rowcount == 0:
            raise Refusal(f"ORA-23421: job number {job} is not a job in the job queue")

    def remove_job(self, job):
        self.begin()
        self.db.execute("DELETE FROM dba_jobs WHERE job = ? AND priv_user = ?", (job, self.user))

    def disable(self, name, force=False):
        self.alter(name, "UPDATE scheduler_jobs SET enabled = 'FALSE', state = 'DISABLED'")

    def enable(self, name):
        self.alter(name, "UPDATE scheduler_jobs SET enabled = 'TRUE', state = 'SCHEDULED'")

    def drop_job(self, name):
        self.alter(name, "DELETE FROM scheduler_jobs")

    def alter(self, name, change):
        owner, job = re.fullmatch(r'"(\w+)"\."([\w$]+)"', name).groups()
        if owner != self.user and not self.may("CREATE ANY JOB"):
            raise Refusal("ORA-27486: insufficient privileges")
        self.begin()
        if self.db.execute(change + " WHERE owner = ? AND job_name = ?", (owner, job)).rowcount == 0:
            raise Refusal(f"ORA-27476: {name} does not exist")
        self.commit()  # as the package does by itself
