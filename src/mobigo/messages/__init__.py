"""What is said to people and machines outside: e-mail, SMS, webhooks."""
