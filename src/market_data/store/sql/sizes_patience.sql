-- In this transaction: who asks for sizes does not wait behind a migration that has locked a table.
SET LOCAL lock_timeout = '500ms'
