"""What several tests share: files they write, servers they start, cases they read."""
