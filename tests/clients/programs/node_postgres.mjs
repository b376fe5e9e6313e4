// node-postgres: parameters, prepared statements, pools, cursors, COPY, notifications, errors. Takes host, port, user, database.
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const require = createRequire(process.cwd() + "/");
const pg = require("pg");
const Cursor = require("pg-cursor");
const copy = require("pg-copy-streams");

const [host, port, user, database] = process.argv.slice(2);
const options = { host, port: Number(port), user, database };
const say = (name, value) => console.log(name, JSON.stringify(value, (key, v) => (typeof v === "bigint" ? String(v) : v)));

const client = new pg.Client({ ...options, application_name: "node" });
client.on("notice", (notice) => say("notice", [notice.severity, notice.message]));
await client.connect();
await client.query("DROP TABLE IF EXISTS np");
await client.query("CREATE TABLE np (id serial PRIMARY KEY, n numeric, big int8, f float8, b bool, t text, d timestamptz, j jsonb, a int[], bytes bytea)");
const values = ["1.50", "9007199254740993", 1.5, true, "é'\\", new Date(Date.UTC(2024, 1, 29)), { k: [1, null] }, [1, 2], Buffer.from([0, 255])];
const made = await client.query("INSERT INTO np (n, big, f, b, t, d, j, a, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *", values);
say("made", [made.command, made.rowCount, made.rows]);
say("fields", made.fields.map((field) => [field.name, field.dataTypeID, field.format]));
for (const n of [2, 3, 4]) await client.query({ name: "add", text: "INSERT INTO np (n, t) VALUES ($1, $2)", values: [n, "row " + n] });
const array = await client.query({ text: "SELECT id, n FROM np WHERE n >= $1 ORDER BY id", values: [2], rowMode: "array" });
say("rows", array.rows);
say("several", (await client.query("SELECT 1 AS a; SELECT 2 AS b")).map((result) => result.rows));
say("binary", (await client.query({ text: "SELECT $1::int4 AS i", values: [7], binary: true })).rows);

await client.query("BEGIN ISOLATION LEVEL SERIALIZABLE");
try {
  await client.query("INSERT INTO np (id) VALUES (1)");
} catch (error) {
  say("refused", [error.code, error.table, error.constraint, error.detail, error.severity]);
}
try {
  await client.query("SELECT 1");
} catch (error) {
  say("failed", error.code);
}
await client.query("ROLLBACK");
try {
  await client.query("SELECT nobody FROM np");
} catch (error) {
  say("unknown", [error.code, error.position]);
}

const cursor = client.query(new Cursor("SELECT g FROM generate_series(1, $1::int) g", [5]));
say("cursor", [await cursor.read(2), await cursor.read(2), await cursor.read(2)]);
await cursor.close();

await pipeline(Readable.from(["7\tseven\n", "8\teight\n"]), client.query(copy.from("COPY np (n, t) FROM STDIN")));
const pieces = [];
for await (const piece of client.query(copy.to("COPY (SELECT n, t FROM np WHERE n > 6 ORDER BY n) TO STDOUT CSV"))) pieces.push(piece);
say("copied", Buffer.concat(pieces).toString());

const pool = new pg.Pool({ ...options, max: 4 });
const sums = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((n) => pool.query("SELECT sum(g)::int AS s FROM generate_series(1, $1::int) g", [n])));
say("pool", sums.map((result) => result.rows[0].s));
const heard = new Promise((resolve) => client.once("notification", (message) => resolve([message.channel, message.payload])));
await client.query("LISTEN chan");
await pool.query("SELECT pg_notify('chan', 'hello')");
say("notified", await heard);
await pool.query("DROP TABLE np");
await pool.end();
await client.end();
