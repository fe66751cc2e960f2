"""The stylesheet of debruit's pages, for light and dark systems. No outside address."""

SERIES = ("#3d7fc1", "#d9822b", "#4c9f70", "#a463b0", "#c44e52", "#8a8f98", "#b59a2b", "#2fa3a3", "#7a6ff0")
QUIET = "#8a8f98"

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #646b75; --line: #e2e5ea; --ground: #fcfcfb;
  --raised: #ffffff; --accent: #2f6fb0;
  --good: #2e7d4f; --warn: #a15c00; --bad: #b3362e; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe3e8; --soft: #98a0ab; --line: #31363d; --ground: #16191d;
  --raised: #1d2126;
  --accent: #7db3e8; --good: #7fc79b; --warn: #e0a95c; --bad: #ef8a83; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, -apple-system,
  "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .35rem; font-weight: 650; letter-spacing: -.01em;
  overflow-wrap: anywhere; }
header p { margin: .15rem 0; color: var(--soft); }
section { margin-top: 2.75rem; }
h2 { font-size: 1.2rem; margin: 0 0 .8rem; padding-bottom: .35rem; border-bottom: 1px solid var(--line);
  font-weight: 620; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; font-weight: 600; }
p { max-width: 46rem; margin: .6rem 0; }
a { color: var(--accent); }
.soft, figcaption, .note { color: var(--soft); font-size: .9rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.6rem, 1fr)); gap: .8rem;
  margin: 1.4rem 0 0; }
.card { background: var(--raised); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem .95rem; }
.card .label { color: var(--soft); font-size: .82rem; }
.card .value { font-size: 1.5rem; font-weight: 620; font-variant-numeric: tabular-nums; line-height: 1.3; }
.card .extra { color: var(--soft); font-size: .82rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .42rem .9rem .42rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 560; font-size: .85rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
td .interval { color: var(--soft); font-size: .85rem; display: block; }
tr.best td { font-weight: 620; }
figure { margin: 1rem 0 0; }
figure svg { max-width: 100%; height: auto; color: var(--ink); }
figure svg text { font-family: inherit; }
figure img { max-width: 100%; image-rendering: pixelated; border-radius: .3rem; border: 1px solid var(--line);
  display: block; }
figcaption { margin-top: .45rem; max-width: 46rem; }
.verdict { border-left: .25rem solid var(--accent); padding: .35rem 0 .35rem .9rem; margin: .8rem 0; }
.verdict.good { border-color: var(--good); } .verdict.warn { border-color: var(--warn); } .verdict.bad {
  border-color: var(--bad); }
details { margin-top: .8rem; } summary { cursor: pointer; color: var(--soft); }
pre, code { font: .86rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem .9rem;
  overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.4rem; margin: 0; font-size: .93rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""
