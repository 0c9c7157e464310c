-- One statement a line; {dir} is the folder that holds the warehouse and secret.csv; \n is a newline.
SELECT * FROM read_csv('{dir}/secret.csv')
SELECT * FROM read_csv_auto('{dir}/secret.csv')
SELECT * FROM sniff_csv('{dir}/secret.csv')
SELECT * FROM read_parquet('{dir}/lake/d.db/t/bucket-0/*.parquet')
SELECT * FROM parquet_scan('{dir}/lake/d.db/t/bucket-0/*.parquet')
SELECT * FROM parquet_metadata('{dir}/lake/d.db/t/bucket-0/*.parquet')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_blob('{dir}/secret.csv')
SELECT * FROM read_json('{dir}/secret.csv')
SELECT * FROM read_ndjson_objects('{dir}/secret.csv')
SELECT * FROM glob('{dir}/*')
SELECT * FROM '{dir}/secret.csv'
SELECT * FROM `{dir}/secret.csv`
SELECT * FROM "{dir}/secret.csv"
SELECT * FROM `{dir}/lake/d.db/t/schema/schema-0`
SELECT * FROM d.`../../secret.csv`
SELECT * FROM d.`../e.db/t`
SELECT * FROM d.`t/../t`
SELECT * FROM d.`.`
SELECT * FROM `..`.`secret.csv`
SELECT * FROM `t$branch_../../e.db/t`
SELECT * FROM (SELECT * FROM read_text('/etc/passwd')) AS q
SELECT (SELECT content FROM read_text('/etc/passwd'))
SELECT * FROM t WHERE v = (SELECT content FROM read_text('/etc/passwd'))
SELECT * FROM t JOIN read_text('/etc/passwd') AS x ON TRUE
WITH q AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM q
SELECT * FROM t UNION ALL SELECT 1, content FROM read_text('/etc/passwd')
SELECT * FROM t ORDER BY (SELECT content FROM read_text('/etc/passwd'))
SELECT /* x */ * FROM read_csv/**/('{dir}/secret.csv')
SELECT * FROM read_csv -- x\n('{dir}/secret.csv')
/*!50000 SELECT * FROM read_csv('{dir}/secret.csv') */
SELECT * FROM `read_csv`('{dir}/secret.csv')
SELECT * FROM READ_CSV('{dir}/secret.csv')
SELECT * FROM ｒｅａｄ_csv('{dir}/secret.csv')
SELECT * FROM main.read_csv('{dir}/secret.csv')
SELECT id AS `x" FROM (SELECT 1) q; SELECT * FROM read_csv('{dir}/secret.csv') --` FROM nothing
SELECT id FROM t AS `q" JOIN read_text('/etc/passwd') AS "z`
COPY t TO '{dir}/out.csv'
COPY (SELECT 1) TO '{dir}/out.csv'
SELECT 1 INTO OUTFILE '{dir}/out.csv'
SELECT 1 INTO DUMPFILE '{dir}/out.csv'
LOAD DATA LOCAL INFILE '{dir}/secret.csv' INTO TABLE t
LOAD DATA INFILE '{dir}/secret.csv' INTO TABLE t
SELECT LOAD_FILE('{dir}/secret.csv')
ATTACH '{dir}/x.db' AS x
DETACH x
INSTALL httpfs
FORCE INSTALL httpfs
LOAD httpfs
PRAGMA database_list
EXPORT DATABASE '{dir}/exp'
IMPORT DATABASE '{dir}/exp'
CHECKPOINT
SELECT getenv('HOME')
SELECT * FROM t WHERE v = GETENV('HOME')
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_tables()
SELECT * FROM duckdb_tables
SELECT * FROM sqlite_master
SELECT * FROM pg_catalog.pg_tables
SELECT * FROM tarn_scan(1)
SELECT * FROM main.tarn_scan(1)
SELECT tarn_scan(1)
SELECT tarn_low64(1)
SELECT current_setting('memory_limit')
SELECT * FROM query('SELECT 1')
SELECT * FROM query_table('duckdb_settings')
SELECT write_log('x')
SELECT getvariable('x')
SELECT nextval('s')
CALL enable_logging()
CALL pragma_version()
SELECT * FROM enable_logging()
CREATE TABLE d.x AS SELECT * FROM read_csv('{dir}/secret.csv')
CREATE MACRO f() AS TABLE SELECT * FROM read_csv('{dir}/secret.csv')
CREATE SECRET s (TYPE s3)
CREATE FUNCTION f RETURNS STRING SONAME 'x.so'
CREATE TEMPORARY VIEW w AS SELECT * FROM read_csv('{dir}/secret.csv')
INSERT INTO t SELECT 5, content FROM read_text('/etc/passwd')
EXPLAIN SELECT * FROM read_csv('{dir}/secret.csv')
DESCRIBE SELECT * FROM read_csv('{dir}/secret.csv')
CREATE TABLE d.evil (id INT) WITH ('path' = '{dir}/evil')
CREATE TABLE d.`../evil` (id INT)
CREATE TABLE d.`a/b` (id INT)
CREATE DATABASE `../evil`
CREATE DATABASE information_schema
DROP TABLE d.`../e.db/t`
DROP DATABASE `../lake/d` CASCADE
ALTER TABLE t RENAME TO `../evil`
INSERT INTO d.`../e.db/t` VALUES (1)
CALL sys.compact('d.../e')
SELECT * FROM t /*+ OPTIONS('path' = '/etc') */
CREATE TEMPORARY TABLE x (id INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/secret.csv', 'format' = 'json')
CREATE TEMPORARY TABLE x (id INT) WITH ('connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'username' = 'u', 'password' = 'p', 'database-name' = 'd', 'table-name' = 't')
CREATE CATALOG c WITH ('type' = 'paimon', 'warehouse' = '{dir}')
SHOW CREATE TABLE `../e.db/t`
DESCRIBE `../e.db/t`
