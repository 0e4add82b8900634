// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/sql_text.h"

#include <gtest/gtest.h>

namespace holdfast::engine::mariadb {
namespace {

TEST(MariadbSqlText, QuotesNames) {
  EXPECT_EQ(quote_name("a"), "`a`");
  EXPECT_EQ(quote_name("a`b``"), "`a``b`````");
  EXPECT_EQ(quote_name("s", "t"), "`s`.`t`");
  EXPECT_EQ(quote_name(""), "``");
}

TEST(MariadbSqlText, QuotesTexts) {
  EXPECT_EQ(quote_text("it's"), "'it\\'s'");
  EXPECT_EQ(quote_text(std::string_view("\0\n\r\x1a\\", 5)), "'\\0\\n\\r\\Z\\\\'");
}

TEST(MariadbSqlText, TokensCoverTheWholeText) {
  for (const std::string sql :
       {"SELECT `a``b`, 'it''s \\' x', \"q\" -- c\n FROM t # d\n /* e */ WHERE x>=1.5", "`open",
        "'open", "/* open", "--", "a--b", ""}) {
    std::string joined;
    for (const Token& token : tokens_of(sql)) joined += token.text;
    EXPECT_EQ(joined, sql);
  }
  EXPECT_EQ(tokens_of("`a``b`")[0].name(), "a`b");
}

TEST(MariadbSqlText, TakesCountersOutOfTheOptionsOnly) {
  EXPECT_EQ(
      without_counter(
          "CREATE TABLE `t` (\n  `a` int DEFAULT 1 COMMENT ' AUTO_INCREMENT=5 '\n"
          ") ENGINE=InnoDB AUTO_INCREMENT=77 DEFAULT CHARSET=latin1 COMMENT='AUTO_INCREMENT=3 '"),
      "CREATE TABLE `t` (\n  `a` int DEFAULT 1 COMMENT ' AUTO_INCREMENT=5 '\n) ENGINE=InnoDB "
      "DEFAULT CHARSET=latin1 COMMENT='AUTO_INCREMENT=3 '");
  EXPECT_EQ(without_counter("CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB AUTO_INCREMENT=7"),
            "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB");
}

TEST(MariadbSqlText, ReadsCounters) {
  EXPECT_EQ(counter_of("CREATE TABLE `t` (\n  `a` int COMMENT 'AUTO_INCREMENT=5'\n) ENGINE=InnoDB "
                       "AUTO_INCREMENT=77 COMMENT='AUTO_INCREMENT=3'"),
            "77");
  EXPECT_EQ(counter_of("CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB"), "");
  EXPECT_EQ(counter_of(""), "");
}

TEST(MariadbSqlText, LeavesPlacesOut) {
  EXPECT_EQ(without_place("CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT "
                          "CHARSET=latin1 DATA DIRECTORY='/srv/a b/' INDEX DIRECTORY = '/x' "
                          "COMMENT='DATA DIRECTORY=1'"),
            "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB DEFAULT CHARSET=latin1 "
            "COMMENT='DATA DIRECTORY=1'");
}

TEST(MariadbSqlText, GivesColumnsAnotherDefault) {
  const std::string create =
      "CREATE TABLE `t` (\n  `DEFAULT` text DEFAULT '?',\n  `a` varchar(9) NOT NULL DEFAULT '?,' "
      "COMMENT 'DEFAULT',\n  `b` varchar(9) DEFAULT (concat('?'))\n) ENGINE=InnoDB";
  EXPECT_EQ(with_default(create, "a", "0x41"),
            "CREATE TABLE `t` (\n  `DEFAULT` text DEFAULT '?',\n  `a` varchar(9) NOT NULL DEFAULT "
            "0x41 COMMENT 'DEFAULT',\n  `b` varchar(9) DEFAULT (concat('?'))\n) ENGINE=InnoDB");
  EXPECT_EQ(with_default(create, "b", "0x41"), create);
  EXPECT_EQ(with_default(create, "c", "0x41"), create);
}

TEST(MariadbSqlText, QualifiesReferences) {
  EXPECT_EQ(
      with_qualified_reference(
          "CONSTRAINT `f` FOREIGN KEY (`REFERENCES`) REFERENCES `p` (`id`) ON DELETE CASCADE", "s"),
      "CONSTRAINT `f` FOREIGN KEY (`REFERENCES`) REFERENCES `s`.`p` (`id`) ON DELETE CASCADE");
  const std::string qualified = "CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `o`.`p` (`id`)";
  EXPECT_EQ(with_qualified_reference(qualified, "s"), qualified);
  EXPECT_EQ(referenced_table(qualified), "");
  EXPECT_EQ(referenced_table("CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p``q` (`id`)"), "p`q");
}

TEST(MariadbSqlText, ChangesDefiners) {
  const std::string view =
      "CREATE ALGORITHM=UNDEFINED DEFINER=`ro`@`%` SQL SECURITY DEFINER VIEW `v` AS select "
      "'DEFINER=x'";
  EXPECT_EQ(without_definer(view),
            "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=x'");
  EXPECT_EQ(with_definer(view, "`a`@`b`"),
            "CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW `v` AS select "
            "'DEFINER=x'");
  EXPECT_EQ(without_definer("CREATE DEFINER=CURRENT_USER() EVENT e"), "CREATE EVENT e");
  EXPECT_EQ(without_definer("CREATE DEFINER=`role` FUNCTION f"), "CREATE FUNCTION f");
  EXPECT_EQ(without_definer("CREATE FUNCTION f"), "CREATE FUNCTION f");
}

TEST(MariadbSqlText, TakesSchemasOffTriggers) {
  EXPECT_EQ(
      with_bare_trigger_names("CREATE DEFINER=`r`@`h` TRIGGER `s`.t AFTER INSERT ON s . `x` "
                              "FOR EACH ROW UPDATE s.y SET a=1"),
      "CREATE DEFINER=`r`@`h` TRIGGER `t` AFTER INSERT ON `x` FOR EACH ROW UPDATE s.y SET a=1");
  EXPECT_EQ(with_bare_trigger_names("CREATE TRIGGER t BEFORE DELETE ON x FOR EACH ROW SET @a=1"),
            "CREATE TRIGGER t BEFORE DELETE ON x FOR EACH ROW SET @a=1");
  // Made by a session with ANSI_QUOTES.
  EXPECT_EQ(with_bare_trigger_names("CREATE DEFINER=\"r\"@\"h\" trigger \"s\".\"tr\" before insert "
                                    "on \"s\".\"orders\" for each row set new.b=1"),
            "CREATE DEFINER=\"r\"@\"h\" trigger `tr` before insert on `orders` for each row set "
            "new.b=1");
}

TEST(MariadbSqlText, MovesViewsToAnotherSchema) {
  // As MariaDB 10.11 shows a view that reads from two schemas.
  EXPECT_EQ(
      with_schema("VIEW `v2` AS select `a2`.`a2`.`id` AS `id`,`b`.`id` AS `k`,`f`(1) AS `f(1)`,"
                  "`c2`.`g`(1) AS `g`,`a2`.`h`(2),nextval(`a2`.`s`) from (`a2`.`a2` join `c2`.`z` "
                  "`b`) where exists(select 1 from (`a2`.`t` join `c2`.`z` `y`) where `y`.`id` = "
                  "`a2`.`t`.`id` limit 1)",
                  "a2", "n"),
      "VIEW `v2` AS select `n`.`a2`.`id` AS `id`,`b`.`id` AS `k`,`f`(1) AS `f(1)`,`c2`.`g`(1) AS "
      "`g`,`n`.`h`(2),nextval(`n`.`s`) from (`n`.`a2` join `c2`.`z` `b`) where exists(select 1 "
      "from (`n`.`t` join `c2`.`z` `y`) where `y`.`id` = `n`.`t`.`id` limit 1)");
}

TEST(MariadbSqlText, LeavesTablesAndAliasesAloneThatAreNamedAsTheSchema) {
  for (const char* view :
       {"VIEW `v` AS select `wiki`.`id` AS `id`,`wiki`.`wiki` AS `q` from `wiki`",
        "VIEW `v` AS select `wiki`.`id` AS `id` from `t` `wiki`",
        "VIEW `v` AS select extract(year from `wiki`.`d`),trim(leading 'x' from `wiki`.`n`) from "
        "(`wiki` join `t` on(`wiki`.`id` = `t`.`id`))"})
    EXPECT_EQ(with_schema(view, "wiki", "copy"), view);
}

TEST(MariadbSqlText, DrawsFromSequencesOfTheSchemaItself) {
  const std::string create =
      "CREATE TABLE `t` (\n  `a` int(11) DEFAULT (nextval(`s`.`q`) + 1),\n  `b` varchar(20) "
      "DEFAULT "
      "concat('x',nextval(`s`.`q`)) COMMENT 'nextval(`s`.`q`)',\n  `c` int DEFAULT "
      "nextval(`o`.`q`),\n  `s` int DEFAULT 4,\n  `e` int CHECK (`s`.`x` > 0)\n) ENGINE=InnoDB";
  const std::string bare = with_bare_sequences(create, "s");
  EXPECT_EQ(bare,
            "CREATE TABLE `t` (\n  `a` int(11) DEFAULT (nextval(`q`) + 1),\n  `b` varchar(20) "
            "DEFAULT concat('x',nextval(`q`)) COMMENT 'nextval(`s`.`q`)',\n  `c` int DEFAULT "
            "nextval(`o`.`q`),\n  `s` int DEFAULT 4,\n  `e` int CHECK (`s`.`x` > 0)\n) "
            "ENGINE=InnoDB");
  EXPECT_EQ(with_sequences_of(bare, "s"), create);
  EXPECT_EQ(sequence_defaults(bare),
            (std::vector<std::string>{"ALTER COLUMN `a` SET DEFAULT ((nextval(`q`) + 1))",
                                      "ALTER COLUMN `b` SET DEFAULT (concat('x',nextval(`q`)))",
                                      "ALTER COLUMN `c` SET DEFAULT (nextval(`o`.`q`))"}));
}

TEST(MariadbSqlText, KnowsWhatAViewReads) {
  EXPECT_EQ(names_read("CREATE VIEW `v` AS select `x`.`id` AS `w` from ((`a` `x` join `s`.`b`) "
                       "left join (`c` join `d`)) where `x`.`y` in (select `e`.`z` from `e`)"),
            (std::vector<std::string>{"a", "b", "c", "d", "e"}));
}

TEST(MariadbSqlText, DisablesEvents) {
  EXPECT_EQ(
      with_event_disabled("CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY ENABLE DO SET @a='ENABLE'"),
      "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY DISABLE DO SET @a='ENABLE'");
  // Without the word it would be enabled, and a variable of that name says nothing.
  EXPECT_EQ(
      with_event_disabled("CREATE EVENT `e` ON SCHEDULE EVERY @DISABLE SECOND COMMENT 'c' DO x"),
      "CREATE EVENT `e` ON SCHEDULE EVERY @DISABLE SECOND DISABLE COMMENT 'c' DO x");
  const std::string of_a_replica =
      "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE COMMENT 'c' DO x";
  EXPECT_EQ(with_event_disabled(of_a_replica), of_a_replica);
}

TEST(MariadbSqlText, TakesTablesApart) {
  const std::string create =
      "CREATE TABLE `t (\n` (\n  `a,b` int(11) NOT NULL DEFAULT 1,\n  `c` varchar(9) COMMENT "
      "')',\n  "
      "PRIMARY KEY (`a,b`),\n  UNIQUE KEY `u` (`c`),\n  KEY `k` (`c`(3),`a,b`),\n  FULLTEXT KEY "
      "`f` "
      "(`c`),\n  CONSTRAINT `fk` FOREIGN KEY (`c`) REFERENCES `p` (`id`),\n  CONSTRAINT `ck` CHECK "
      "(`a,b` > 0)\n) ENGINE=InnoDB\n PARTITION BY KEY (`a,b`)";
  const auto table = split_table(create);
  ASSERT_TRUE(table);
  ASSERT_EQ(table->lines.size(), 8U);
  EXPECT_EQ(join_table(*table), create);
  using Kind = KeyLine::Kind;
  const std::vector<Kind> kinds{Kind::column, Kind::column,   Kind::primary,     Kind::unique,
                                Kind::index,  Kind::fulltext, Kind::foreign_key, Kind::other};
  for (std::size_t i = 0; i < kinds.size(); ++i)
    EXPECT_EQ(key_of(table->lines[i]).kind, kinds[i]) << table->lines[i];
  EXPECT_EQ(key_of(table->lines[4]).name, "k");
  EXPECT_FALSE(split_table("CREATE TABLE `t` (\n  `a` int"));
}

TEST(MariadbSqlText, DefersKeysThatMayWait) {
  const std::string create =
      "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `a` int,\n  `b` text,\n  PRIMARY "
      "KEY "
      "(`a`),\n  UNIQUE KEY `u` (`b`(9)),\n  KEY `c` (`id`),\n  KEY `k` (`b`(3)),\n  FULLTEXT KEY "
      "`f` "
      "(`b`),\n  CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `p` (`id`)\n) ENGINE=InnoDB";
  const DeferredKeys keys = defer_keys(create);
  EXPECT_EQ(keys.lines,
            (std::vector<std::string>{"UNIQUE KEY `u` (`b`(9))", "KEY `k` (`b`(3))",
                                      "CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `p` (`id`)"}));
  EXPECT_EQ(keys.create,
            "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `a` int,\n  `b` text,\n  "
            "PRIMARY KEY (`a`),\n  KEY `c` (`id`),\n  FULLTEXT KEY `f` (`b`)\n) ENGINE=InnoDB");
  EXPECT_TRUE(
      defer_keys("CREATE TABLE `t` (\n  `a` int,\n  KEY `a` (`a`)\n) ENGINE=MyISAM").lines.empty());
}

}  // namespace
}  // namespace holdfast::engine::mariadb
