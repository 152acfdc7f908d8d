"""The fixtures of these tests, and what every test is checked for at its end: support/fixtures.py."""

pytest_plugins = ["support.fixtures", "support.admin", "support.browser", "support.drop_in",
                  "support.exec_command", "support.firefox", "support.php_fpm", "support.proxies",
                  "support.service_manager", "support.tls", "support.upgradable"]
