"""Texts for the tokenizers: what they are trained on, and samples that cut differently with every pattern."""

TRAINING = [
    "The quick brown fox jumps over the lazy dog. The dog doesn't mind; it's asleep, and they'll let it sleep.\n" * 4,
    "In 1867 the members of Congress met on the 4th of March at 12 o'clock. There were 192 of them, 45 in the Senate.\n" * 4,
    "def add(a, b):\n    return a + b\n\nfor i in range(1000):\n    print(add(i, 42))\n" * 4,
    "Die Häuser der Straße sind groß. Où est l'été? Él habló del niño. Привет, мир и люди. 你好，世界。 こんにちは世界\n" * 4,
    "iPhone and McDonald and NASA and JavaScript: camelCase words, don't SHOUT, I'M sure. Prices: $3.50, €20, 15%.\n" * 4,
]

SAMPLES = [
    "",
    " ",
    "a",
    "The lazy dog didn't jump over 1867 foxes.",
    "  two spaces,   three,\ttab\n\n\nnewlines \n and \r\n too  ",
    "I'M SURE they'Ll say it's 12345678 or 3.14, $1,000.00",
    "for i in range(10):\n\tprint(i ** 2)  # squares\n",
    "camelCase McDonald NASA iPhone XMLHttpRequest",
    "Häuser Straße été niño Привет мир 你好，世界 こんにちは",
    "e\u0301te\u0301 \u1e9b\u0323 \ufb01 \u00bd \u2163 \u0663\u0664\u0665 \u0967\u0968",
    "emoji 😀👩‍👩‍👧 and 🇩🇪, dashes — – -, quotes “x” ‘y’",
    "zero\u200bwidth no\u00a0break \u3000 ideographic",
    "a<|end|>b <user> c<|begin|>",
    "^~|<=>+$ ### ((())) ...!!!",
    "x" * 70,
]
