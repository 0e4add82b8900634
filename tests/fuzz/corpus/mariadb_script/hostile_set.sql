SET STATEMENT max_statement_time=1 FOR DROP DATABASE prod;
SET PASSWORD FOR root@localhost = PASSWORD('x');
SET ROLE admin;
SET DEFAULT ROLE admin;
SET NAMES utf8mb4 DROP;
