-- When the $1-th newest rejected bar was last sent; no row where there are not so many.
SELECT last_told FROM rejected_bars ORDER BY last_told DESC OFFSET $1 LIMIT 1
