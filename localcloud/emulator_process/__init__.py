"""What runs in the emulator's own process and environment: nothing else imports it."""
