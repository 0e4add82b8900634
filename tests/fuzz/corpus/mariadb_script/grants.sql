GRANT `rr` TO `mm`@`localhost` WITH ADMIN OPTION;
GRANT USAGE ON *.* TO `mm`@`localhost`;
SET DEFAULT ROLE `rr` FOR `mm`@`localhost`;
GRANT USAGE ON *.* TO `rr`;
GRANT SELECT ON `rl`.* TO `rr`;
