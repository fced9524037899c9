-- What every environment begins with.
CREATE TABLE notes (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author text NOT NULL,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 500),
    made timestamptz NOT NULL DEFAULT now()
);

INSERT INTO notes (author, text) VALUES
    ('the template', 'every environment begins with these two notes'),
    ('the template', 'and writes its own below them');
