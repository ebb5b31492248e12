BEGIN TRANSACTION;
CREATE TABLE billing (
    n integer primary key autoincrement,
    at real not null,
    key text,
    account_id text not null,
    target_date text not null,
    invoice_id text not null,
    source text,
    cents integer not null,
    appended integer not null
);
INSERT INTO "billing" VALUES(1,1795867201.0,'k0','000000000000000000000000000000d0','2026-11-30','dcd349af00ceebb16a1f128184d85a7a','API',0,0);
INSERT INTO "billing" VALUES(2,1795867202.0,'k1','000000000000000000000000000000d1','2026-11-30','bbca65cd4303f7e37506da385026b2ac','API',0,0);
INSERT INTO "billing" VALUES(3,1795867203.0,NULL,'000000000000000000000000000000d2','2026-11-30','be25d0ad749bcf302a40fde6eda19c23','API',0,0);
INSERT INTO "billing" VALUES(4,1795867353.0,'slow','000000000000000000000000000000f0','2026-11-30','bee2d508d8f7dafd5d682ed78fcef911','API',0,0);
CREATE TABLE cursors (
    id text primary key,
    made_at real not null,
    fields text not null,
    found text not null
) without rowid;
CREATE TABLE history (
    n integer primary key autoincrement,
    arrived_at real not null,
    finished_at real not null,
    peer text not null,
    method text not null,
    path text not null,
    key text,
    body_hash blob not null,
    track_id text,
    request_id text not null,
    status integer not null,
    note text not null
);
INSERT INTO "history" VALUES(1,1795867200.0,1795867200.0,'127.0.0.1','POST','/oauth/token',NULL,X'9A0D6E8F47D041DE1CA8BDEE12C03A8673F745D781D494CEB6A335DF67A84430',NULL,'241bdf56441e9acfe8a0076f02453eaf',200,'');
INSERT INTO "history" VALUES(2,1795867200.0,1795867201.0,'127.0.0.1','POST','/v1/action/generate','k0',X'2ABDBF20BAC0F89798FA03B9FE34F1BF32B82729749EEFF965A91975879B8062',NULL,'6aac7a188baa3071df279ddf573e5d20',200,'');
INSERT INTO "history" VALUES(3,1795867201.0,1795867202.0,'127.0.0.1','POST','/v1/action/generate','k1',X'7F33AFBE10F59B9E0B0F6D73997E9C3C5A605532E05BAEEB48FCD84030818AB4',NULL,'79cb961c7d63a2804ef41b2201cd6ca6',200,'reset');
INSERT INTO "history" VALUES(4,1795867202.0,1795867203.0,'127.0.0.1','POST','/v1/action/generate',NULL,X'2156A33AE451C90673F0862649C8405BC06C3B9DA856E977C738EEB4FC8DF22A',NULL,'77897bc7b3b06b649e94dd66d8beddc5',200,'');
INSERT INTO "history" VALUES(5,1795867203.0,1795867323.0,'127.0.0.1','POST','/v1/action/generate','slow',X'7588F17C7942AE6BC2073064686DCC4029C1F408A763DBAE45CFD7B3030130DB',NULL,'8de0ff1109221b3bcbcea39ceb851725',504,'cut off, the execution goes on');
INSERT INTO "history" VALUES(6,1795867203.0,1795867353.0,'127.0.0.1','POST','/v1/action/generate','slow',X'7588F17C7942AE6BC2073064686DCC4029C1F408A763DBAE45CFD7B3030130DB',NULL,'8de0ff1109221b3bcbcea39ceb851725',200,'executed after the cut-off');
INSERT INTO "history" VALUES(7,1795867353.0,1795867353.0,'127.0.0.1','POST','/v1/action/query',NULL,X'A010B525CA235F0351F17276CA2EEFBE8752F16E602D99B6263F02727AC00BDA',NULL,'b40b33bae280014353fccd2e1c93a879',200,'');
CREATE TABLE invoices (
    n integer primary key autoincrement,
    id text not null unique,
    account_id text not null,
    invoice_date text not null,
    target_date text not null,
    status text not null,
    cents integer not null,
    source text,
    created_at real not null,
    updated_at real not null,
    key text
);
INSERT INTO "invoices" VALUES(1,'dcd349af00ceebb16a1f128184d85a7a','000000000000000000000000000000d0','2026-11-30','2026-11-30','Draft',57479,'API',1795867201.0,1795867201.0,'k0');
INSERT INTO "invoices" VALUES(2,'bbca65cd4303f7e37506da385026b2ac','000000000000000000000000000000d1','2026-11-30','2026-11-30','Draft',28725,'API',1795867202.0,1795867202.0,'k1');
INSERT INTO "invoices" VALUES(3,'be25d0ad749bcf302a40fde6eda19c23','000000000000000000000000000000d2','2026-11-30','2026-11-30','Draft',73293,'API',1795867203.0,1795867203.0,NULL);
INSERT INTO "invoices" VALUES(4,'bee2d508d8f7dafd5d682ed78fcef911','000000000000000000000000000000f0','2026-11-30','2026-11-30','Draft',85712,'API',1795867353.0,1795867353.0,'slow');
CREATE TABLE keys (
    key text primary key,
    entity text not null,
    method text not null,
    path text not null,
    body_hash blob not null,
    set_at real not null,
    status integer not null,
    headers text not null,
    body blob not null
) without rowid;
INSERT INTO "keys" VALUES('k0','','POST','/v1/action/generate',X'2ABDBF20BAC0F89798FA03B9FE34F1BF32B82729749EEFF965A91975879B8062',1795867200.0,200,'{"Zuora-Request-Id": "6aac7a188baa3071df279ddf573e5d20", "Content-Type": "application/json;charset=utf-8"}',X'5B7B2253756363657373223A747275652C224964223A226463643334396166303063656562623136613166313238313834643835613761227D5D');
INSERT INTO "keys" VALUES('k1','','POST','/v1/action/generate',X'7F33AFBE10F59B9E0B0F6D73997E9C3C5A605532E05BAEEB48FCD84030818AB4',1795867201.0,200,'{"Zuora-Request-Id": "79cb961c7d63a2804ef41b2201cd6ca6", "Content-Type": "application/json;charset=utf-8"}',X'5B7B2253756363657373223A747275652C224964223A226262636136356364343330336637653337353036646133383530323662326163227D5D');
INSERT INTO "keys" VALUES('slow','','POST','/v1/action/generate',X'7588F17C7942AE6BC2073064686DCC4029C1F408A763DBAE45CFD7B3030130DB',1795867203.0,200,'{"Zuora-Request-Id": "8de0ff1109221b3bcbcea39ceb851725", "Content-Type": "application/json;charset=utf-8"}',X'5B7B2253756363657373223A747275652C224964223A226265653264353038643866376461666435643638326564373866636566393131227D5D');
CREATE TABLE meta (boots integer not null, look_ups integer not null);
INSERT INTO "meta" VALUES(1,0);
CREATE TABLE tokens (
    id integer primary key autoincrement,
    hash blob not null unique,
    issued_at real not null,
    expires_at real not null
);
INSERT INTO "tokens" VALUES(1,X'0B966A0248BFEA669AC98EA3A01D925ACD3530353B7AA32BDA7D72172A6BCDCA',1795867200.0,1795870800.0);
CREATE INDEX keys_by_age on keys (set_at);
CREATE INDEX invoices_by_account on invoices (account_id, target_date);
CREATE INDEX billing_by_account on billing (account_id);
CREATE INDEX billing_by_invoice on billing (invoice_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('tokens',1);
INSERT INTO "sqlite_sequence" VALUES('history',7);
INSERT INTO "sqlite_sequence" VALUES('invoices',4);
INSERT INTO "sqlite_sequence" VALUES('billing',4);
COMMIT;
PRAGMA user_version = 2;
