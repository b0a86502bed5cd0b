-- The reader's library. One writer at a time, readers beside it (WAL); the version is in PRAGMA user_version.
-- WITHOUT ROWID, keys come first: SQLite 3.40's quick_check finds NULLs where there are none if they do not.

CREATE TABLE paper (
  pk INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice, so that a merge can be undone
  slug TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  title_folded TEXT NOT NULL,
  abstract TEXT,                -- the authors', only after an import
  digest TEXT,                  -- the summary that comes with the built-in papers
  own_summary TEXT,             -- the reader's
  year INTEGER CHECK (year BETWEEN 1500 AND 2200),
  published TEXT,
  updated TEXT,
  version INTEGER,
  venue TEXT,
  licence TEXT,
  reading TEXT NOT NULL DEFAULT 'new' CHECK (reading IN ('new', 'reading', 'read')),
  changed_at TEXT NOT NULL
);
CREATE INDEX paper_folded ON paper (title_folded);
CREATE INDEX paper_year ON paper (year);

CREATE TABLE paper_id (         -- arxiv, doi, s2
  scheme TEXT NOT NULL,
  value TEXT NOT NULL,
  paper INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  PRIMARY KEY (scheme, value)
) WITHOUT ROWID;
CREATE INDEX paper_id_of ON paper_id (paper);

CREATE TABLE person (
  pk INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL
);
CREATE TABLE authorship (
  paper INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  place INTEGER NOT NULL,
  person INTEGER NOT NULL REFERENCES person,
  printed TEXT NOT NULL,
  PRIMARY KEY (paper, place)
) WITHOUT ROWID;
CREATE INDEX authorship_of ON authorship (person);

CREATE TABLE category (
  paper INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  code TEXT NOT NULL,
  place INTEGER NOT NULL,
  PRIMARY KEY (paper, code)
) WITHOUT ROWID;

CREATE TABLE citation (
  citing INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  cited INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  source TEXT NOT NULL,
  PRIMARY KEY (citing, cited),
  CHECK (citing <> cited)
) WITHOUT ROWID;
CREATE INDEX citation_back ON citation (cited, citing);

CREATE TABLE record (           -- where the fields of a paper come from: 'paper', 'references' or 'citations'
  paper INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  part TEXT NOT NULL CHECK (part IN ('paper', 'references', 'citations')),
  source TEXT NOT NULL,
  fetched_at TEXT NOT NULL,
  PRIMARY KEY (paper, part, source)
) WITHOUT ROWID;

CREATE TABLE note (
  pk INTEGER PRIMARY KEY,
  paper INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  anchor TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL CHECK (length(body) <= 65536),
  version INTEGER NOT NULL DEFAULT 1,
  created_at TEXT NOT NULL,
  changed_at TEXT NOT NULL
);
CREATE INDEX note_of ON note (paper);

CREATE TABLE tag (
  paper INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (paper, tag)
) WITHOUT ROWID;

-- Computed from the papers; made anew when they change.
CREATE TABLE term (
  paper INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  place INTEGER NOT NULL,
  key TEXT NOT NULL,
  text TEXT NOT NULL,
  count INTEGER NOT NULL,
  df INTEGER NOT NULL,
  score REAL NOT NULL,
  PRIMARY KEY (paper, place)
) WITHOUT ROWID;
CREATE INDEX term_key ON term (key);

CREATE TABLE question (         -- perhaps one paper under two titles: the reader is asked
  one INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  other INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  why TEXT NOT NULL,
  answer TEXT CHECK (answer IN ('same', 'different')),
  PRIMARY KEY (one, other),
  CHECK (one < other)
) WITHOUT ROWID;

CREATE VIRTUAL TABLE paper_fts USING fts5 (
  title, authors, abstract, notes, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'
);

CREATE TABLE lab_run (          -- what came of settings, by their key: the same settings, the same curves
  key TEXT PRIMARY KEY,
  recipe TEXT NOT NULL,
  query TEXT NOT NULL,
  made TEXT NOT NULL,           -- JSON
  at TEXT NOT NULL
) WITHOUT ROWID;

-- Imports: how sources are paced, what was asked, what is still to be done, and which papers became one.
CREATE TABLE source_state (     -- seconds since 1970
  source TEXT PRIMARY KEY,
  next_at REAL NOT NULL DEFAULT 0,
  paused_until REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE request_log (
  pk INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  what TEXT NOT NULL,
  status INTEGER,
  said TEXT NOT NULL,
  ms INTEGER NOT NULL,
  at TEXT NOT NULL
);
CREATE TABLE job (
  pk INTEGER PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('planned', 'ready', 'running', 'waiting', 'paused', 'done', 'cancelled')),
  text TEXT NOT NULL,           -- as the reader gave it
  options TEXT NOT NULL,        -- JSON
  said TEXT NOT NULL DEFAULT '',
  not_before REAL,              -- seconds since 1970
  merged INTEGER NOT NULL DEFAULT 0,
  asked INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  changed_at TEXT NOT NULL
);
CREATE TABLE job_item (
  job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
  place INTEGER NOT NULL,
  source TEXT NOT NULL,         -- arxiv, s2 or library
  kind TEXT NOT NULL,
  what TEXT NOT NULL,           -- JSON
  cursor INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
  said TEXT NOT NULL DEFAULT '',
  made INTEGER NOT NULL DEFAULT 0,
  changed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, place)
) WITHOUT ROWID;
CREATE TABLE merge_log (
  pk INTEGER PRIMARY KEY,
  kept INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  gone INTEGER NOT NULL,
  gone_slug TEXT NOT NULL,
  gone_title TEXT NOT NULL,
  who TEXT NOT NULL CHECK (who IN ('id', 'rule', 'reader')),
  why TEXT NOT NULL,
  snapshot TEXT NOT NULL,       -- JSON: both as they were
  at TEXT NOT NULL,
  undone_at TEXT
);
CREATE INDEX merge_slug ON merge_log (gone_slug);
CREATE INDEX merge_kept ON merge_log (kept);

-- What the engine computed from the papers; a newer run of a kind takes the place of the one before.
CREATE TABLE run (
  pk INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL UNIQUE CHECK (kind IN ('text', 'citations', 'links')),
  params TEXT NOT NULL,         -- JSON, as are certificate and metrics
  corpus TEXT NOT NULL,         -- SHA-256 of what it was computed from
  engine TEXT NOT NULL,
  seed INTEGER NOT NULL,
  certificate TEXT NOT NULL,
  metrics TEXT NOT NULL,
  made_at TEXT NOT NULL
);
CREATE TABLE run_part (         -- arrays as .npy of little-endian numbers, everything else as JSON
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  name TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (run, name)
);
CREATE TABLE link_guess (       -- a citation that is perhaps missing
  citing INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  cited INTEGER NOT NULL REFERENCES paper ON DELETE CASCADE,
  score REAL NOT NULL,
  common INTEGER NOT NULL,      -- papers that are linked with both
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  PRIMARY KEY (citing, cited)
) WITHOUT ROWID;
CREATE INDEX link_guess_back ON link_guess (cited, citing);
