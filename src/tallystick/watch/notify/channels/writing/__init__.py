"""How a message reads: the words, the chart and the letter that channels share."""
