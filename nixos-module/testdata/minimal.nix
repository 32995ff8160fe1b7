{ default-mode = "desktop"; }
