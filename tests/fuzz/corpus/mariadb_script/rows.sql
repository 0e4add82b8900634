/*!40101 SET NAMES binary*/;
/*!40014 SET FOREIGN_KEY_CHECKS=0*/;
/*!40103 SET TIME_ZONE='+00:00' */;
INSERT INTO `a` (`id`,`t`,`b`) VALUES
(1,"xðŸ˜€\n\'q\'","\0ÿ\'"),
(2,NULL,"");
