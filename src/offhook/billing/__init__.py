"""Money: what calls and messages cost, and how an account's balance follows from it. Pure."""
