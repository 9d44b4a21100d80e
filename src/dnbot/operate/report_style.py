"""The page's look: one palette for light, one for dark, numbers in columns."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#5a6472;--line:#dfe3e8;--grid:#e8ebef;
--s0:#1f6feb;--s1:#b35900;--s2:#1a7f37;--s3:#cf222e;--s4:#8250df;--good:#1a7f37;--bad:#cf222e;--band:#1a7f3722}
@media(prefers-color-scheme:dark){:root{--paper:#0d1117;--card:#161b22;--ink:#e6edf3;--soft:#9aa5b1;--line:#30363d;
--grid:#262c34;--s0:#58a6ff;--s1:#f0a04b;--s2:#3fb950;--s3:#ff7b72;--s4:#bc8cff;--good:#3fb950;--bad:#ff7b72;
--band:#3fb95033}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:14px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1240px;margin:0 auto;padding:24px 16px 48px}
h1{margin:0 0 4px;font-size:26px}h2{margin:0 0 12px;font-size:17px}
header p,footer p{margin:0;color:var(--soft)}footer{margin-top:24px;font-size:13px}
section,.figures div{background:var(--card);border:1px solid var(--line);border-radius:8px}
section{padding:16px 18px;margin-top:16px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin-top:18px}
.figures div{padding:10px 14px;display:flex;flex-direction:column}
.figures span{color:var(--soft);font-size:12px;min-height:18px}
.figures b{font-size:20px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600;font-size:12px;vertical-align:bottom}th small{font-weight:400;display:block}
tfoot td{font-weight:700;border-top:2px solid var(--line);border-bottom:0}
td{white-space:nowrap}td.w{white-space:normal;overflow-wrap:anywhere;min-width:180px}.n{text-align:right}
td[title]{cursor:help}.good{color:var(--good)}.bad{color:var(--bad)}
.note,.empty{color:var(--soft);font-size:13px;margin:10px 0 0}.empty{font-style:italic}
figure{margin:0 0 16px;overflow-x:auto}figure svg{min-width:660px}
figcaption{font-size:13px;color:var(--soft);margin-top:10px}
.legend{margin:4px 0;display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px}
.legend b{font-variant-numeric:tabular-nums}
.key{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;vertical-align:-1px}
.key.s0{background:var(--s0)}.key.s1{background:var(--s1)}.key.s2{background:var(--s2)}.key.s3{background:var(--s3)}
.key.s4{background:var(--s4)}.key.bandkey{background:var(--band);border:1px solid var(--good)}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}
.grid{stroke:var(--grid)}.axis{stroke:var(--soft)}.diagonal{stroke:var(--soft);stroke-dasharray:5 4}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round}.line.strong{stroke-width:2.6}
.line.s0{stroke:var(--s0)}.line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2)}.line.s3{stroke:var(--s3)}
circle{fill-opacity:.65}circle.s0{fill:var(--s0)}circle.s1{fill:var(--s1)}circle.s2{fill:var(--s2)}
circle.s3{fill:var(--s3)}circle.s4{fill:var(--s4)}
.band{fill:var(--band)}.envelope{stroke:var(--s4);stroke-width:2}
.bar{fill:var(--s0)}.gain{fill:var(--s2)}.loss{fill:var(--s3)}
@media print{body{background:#fff}section{break-inside:avoid}}
"""
