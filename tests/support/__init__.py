"""What the tests share: a server that is started and watched, clients, and what they are asked."""
