// pgvector's adapter for node-postgres. Takes host, port, user, database.
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const pg = require("pg");
const pgvector = await import(require.resolve("pgvector/pg"));

const [host, port, user, database] = process.argv.slice(2);
const client = new pg.Client({ host, port: Number(port), user, database });
await client.connect();
await client.query("CREATE EXTENSION IF NOT EXISTS vector");
await (pgvector.default ?? pgvector).registerTypes(client);
const toSql = (pgvector.default ?? pgvector).toSql;
await client.query("DROP TABLE IF EXISTS nv");
await client.query("CREATE TABLE nv (id int, v vector(3))");
await client.query("INSERT INTO nv VALUES (1, $1), (2, $2)", [toSql([1, 2, 3]), toSql([9, 9, 9])]);
const near = await client.query("SELECT id, v FROM nv ORDER BY v <-> $1 LIMIT 5", [toSql([8, 8, 8])]);
console.log(JSON.stringify(near.rows));
await client.query("DROP TABLE nv");
await client.end();
