-- Until the transaction ends nobody else changes the universe; all may read it.
LOCK TABLE symbol_universe IN SHARE ROW EXCLUSIVE MODE
