-- holdfast: event: e
DELIMITER ;;
SET character_set_client='utf8mb4', collation_connection='utf8mb4_general_ci'
;;
CREATE DEFINER=`a`@`b` EVENT `e` ON SCHEDULE EVERY 1 DAY ENABLE DO SELECT 'it''s;' -- hi
;;
CREATE DEFINER=`a`@`b` TRIGGER `s`.`t` BEFORE INSERT ON `s`.`x` FOR EACH ROW SET NEW.a=1
;;
DELIMITER ;
CREATE TABLE `c` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `a` varchar(9) DEFAULT '?',
  PRIMARY KEY (`id`),
  KEY `k` (`a`(3)),
  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=latin1 DATA DIRECTORY='/srv/x/';
