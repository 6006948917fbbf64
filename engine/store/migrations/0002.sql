-- What is counted beside events, and with which versions of the tables an event was mapped.

CREATE TABLE tally (
  kind TEXT NOT NULL,         -- missing-row, missing-field, unknown-field
  place TEXT NOT NULL,        -- the table or contract
  part TEXT NOT NULL,         -- the column that was looked in; empty for fields
  name TEXT NOT NULL,         -- the text that stands in no row, the path of the field
  count INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
  event INTEGER NOT NULL,     -- the newest one it was seen in
  PRIMARY KEY (kind, place, part, name)
) WITHOUT ROWID;

ALTER TABLE delivery ADD COLUMN tables TEXT NOT NULL DEFAULT '';  -- of the newest attempt: name@version, a space between
ALTER TABLE delivery ADD COLUMN missing BLOB;  -- the rows it waits for: JSON [[table, column, text]]
ALTER TABLE line ADD COLUMN tables TEXT NOT NULL DEFAULT '';
