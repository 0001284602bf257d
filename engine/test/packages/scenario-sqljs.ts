// Real work with sql.js (SQLite): schema, transactions, joins, blobs, triggers, window functions, prepared statements
// over 10,000 rows, user functions called from SQL, export and reopening. Prints a transcript.

import { createRequire } from "node:module";
import { type Loose, pseudoRandomBytes, Transcript } from "./transcript.js";

const require = createRequire(import.meta.url);
const transcript = new Transcript();

function createSchema(db: Loose): void {
  db.run(`CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, country TEXT, area REAL);
    CREATE TABLE visit(id INTEGER PRIMARY KEY, city INTEGER REFERENCES city(id), day INTEGER, cost REAL, note BLOB);
    CREATE INDEX visit_city ON visit(city, day);
    CREATE TABLE audit(id INTEGER PRIMARY KEY, what TEXT, city INTEGER);
    CREATE TRIGGER visit_added AFTER INSERT ON visit WHEN new.cost > 950
      BEGIN INSERT INTO audit(what, city) VALUES ('expensive ' || new.cost, new.city); END;
    CREATE VIEW spending AS SELECT c.name, c.country, count(*) AS visits, round(sum(v.cost), 3) AS total
      FROM visit v JOIN city c ON c.id = v.city GROUP BY c.id;`);
}

function fill(db: Loose): void {
  const countries = ["Chile", "Norway", "Kenya", "Japan", "Ελλάδα", "中国"];
  const insertCity = db.prepare("INSERT INTO city VALUES (?, ?, ?, ?)");
  for (let i = 1; i <= 100; i++)
    insertCity.run([i, `city ${i} ü`, countries[i % countries.length], (i * 7919) / 13]);
  insertCity.free();
  db.run("BEGIN");
  const insertVisit = db.prepare(
    "INSERT INTO visit(city, day, cost, note) VALUES ($city, $day, $cost, $note)",
  );
  const noise = pseudoRandomBytes(70_000, 5);
  for (let i = 0; i < 10_000; i++) {
    const note = i % 10 === 0 ? noise.subarray(i, i + (i % 97)) : null;
    insertVisit.run({
      $city: 1 + ((i * 31) % 100),
      $day: i % 365,
      $cost: ((i * 2654435761) % 100_000) / 100,
      $note: note,
    });
  }
  insertVisit.free();
  db.run("COMMIT");
}

function query(db: Loose): void {
  transcript.note("version is text", typeof db.exec("SELECT sqlite_version()")[0].values[0][0]);
  transcript.note("spending", db.exec("SELECT * FROM spending ORDER BY total DESC LIMIT 15"));
  transcript.note("audit", db.exec("SELECT count(*), min(what), max(what) FROM audit"));
  transcript.note(
    "window",
    db.exec(`SELECT * FROM (SELECT city, day, cost, rank() OVER (PARTITION BY city ORDER BY cost DESC, id) AS place,
      round(avg(cost) OVER (PARTITION BY city ORDER BY id ROWS 5 PRECEDING), 6) FROM visit) WHERE place = 3 ORDER BY city LIMIT 20`),
  );
  transcript.note(
    "recursive",
    db.exec(
      "WITH RECURSIVE f(a, b, n) AS (SELECT 0, 1, 0 UNION ALL SELECT b, a + b, n + 1 FROM f WHERE n < 80) SELECT a FROM f",
    ),
  );
  transcript.note(
    "functions",
    db.exec(
      "SELECT printf('%08.3f|%x|%q', 3.14159, 48879, 'it''s'), json_extract('{\"a\":[1,2,{\"b\":7}]}', '$.a[2].b'), upper('straße')",
    ),
  );
  transcript.note(
    "dates",
    db.exec("SELECT date('2024-02-28', '+2 days'), julianday('2000-01-01'), strftime('%W', '2023-12-31')"),
  );
  transcript.note(
    "plan",
    db
      .exec("EXPLAIN QUERY PLAN SELECT * FROM visit WHERE city = 3 AND day > 5")[0]
      .values.map((row: Loose) => row[3]),
  );
  const blobs = db.prepare(
    "SELECT id, length(note), note FROM visit WHERE note IS NOT NULL AND id % 7 = :r ORDER BY id",
  );
  blobs.bind({ ":r": 3 });
  while (blobs.step()) transcript.note("blob", blobs.getAsObject());
  blobs.free();
  let rows = 0;
  let sum = 0;
  db.each(
    "SELECT cost FROM visit",
    (row: Loose) => {
      rows++;
      sum += row.cost;
    },
    () => transcript.note("each", { rows, sum }),
  );
}

function change(db: Loose): void {
  transcript.noteThrown("unique", () => db.run("INSERT INTO city VALUES (101, 'city 1 ü', '', 0)"));
  transcript.noteThrown("syntax", () => db.exec("SELEC 1"));
  db.run("BEGIN; DELETE FROM visit WHERE city < 50; ROLLBACK;");
  transcript.note("after rollback", db.exec("SELECT count(*) FROM visit"));
  db.run(
    "UPDATE visit SET cost = cost * 1.1 WHERE day BETWEEN 100 AND 200; DELETE FROM visit WHERE id % 9 = 0",
  );
  transcript.note("modified", db.getRowsModified());
  transcript.note(
    "sums",
    db.exec("SELECT count(*), sum(cost), total(day), group_concat(city) FROM visit WHERE day = 150"),
  );
}

function userFunctions(db: Loose): void {
  db.create_function("hypotenuse", (a: number, b: number) => Math.hypot(a, b));
  db.create_function("reversed", (text: string) => [...text].reverse().join(""));
  db.create_function("refuses", () => {
    throw new Error("refused by the host");
  });
  db.create_aggregate("product", {
    init: () => 1,
    step: (state: number, value: number) => state * value,
    finalize: (state: number) => state,
  });
  transcript.note(
    "host functions",
    db.exec("SELECT hypotenuse(3, 4), reversed(name) FROM city WHERE id < 5"),
  );
  transcript.note("aggregate", db.exec("SELECT product(id) FROM city WHERE id < 15"));
  transcript.noteThrown("host error", () => db.exec("SELECT refuses()"));
}

const SQL = await require("sql.js")();
const database = new SQL.Database();
createSchema(database);
fill(database);
query(database);
change(database);
userFunctions(database);
const image = database.export() as Uint8Array;
transcript.note("image", image);
database.close();
const reopened = new SQL.Database(image);
transcript.note("integrity", reopened.exec("PRAGMA integrity_check; SELECT count(*), sum(cost) FROM visit"));
reopened.run("VACUUM");
transcript.note("vacuumed", reopened.export());
reopened.close();
transcript.noteThrown("not a database", () =>
  new SQL.Database(pseudoRandomBytes(5000, 3)).exec("SELECT * FROM sqlite_master"),
);
transcript.finish();
