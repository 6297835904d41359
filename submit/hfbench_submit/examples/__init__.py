"""The examples that training cells need: from the Hub, a local copy or hfbench's own grammar."""
