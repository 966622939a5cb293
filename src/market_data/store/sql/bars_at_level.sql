AND (adjustment = 'raw' OR NOT EXISTS (SELECT FROM known_splits AS split WHERE split.symbol = $1
                                                    AND split.effective > ts AND split.effective <= as_of))
