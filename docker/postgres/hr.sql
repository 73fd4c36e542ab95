-- The table of compose-postgres.yaml: PostgreSQL runs this once, when its volume is empty.
CREATE TABLE staff (
    login varchar(50) PRIMARY KEY,
    given_name text NOT NULL,
    surname text NOT NULL,
    mail text UNIQUE,
    is_active boolean NOT NULL DEFAULT true
);
INSERT INTO staff (login, given_name, surname, mail) VALUES
    ('ljacobson', 'Lisa', 'Jacobson', 'ljacobson@contoso.example'),
    ('dmartin', 'David', 'Martin', 'dmartin@contoso.example');
