DROP TABLE x, prod.users;
DROP TABLE x, y;
DROP TABLE prod.users;
DROP TABLE `x`/**/,`prod`.`users`;
DROP TEMPORARY TABLE x;
DROP USER root;
DROP SERVER s;
DROP TABLE x /*!50003 /*!50003 , prod.users */ */;
DROP TABLE x /*!999999 /* */ , y */;
