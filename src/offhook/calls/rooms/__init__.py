"""Where calls meet: a bridge of two, a conference, a queue; each a pure step function over who is in it."""
