//! A page that is complete in itself: it loads nothing, from nowhere.

use super::drawing::{Drawing, Drawn, Entry};
use super::lines::{HEIGHT, drawn, right};
use super::svg::{colour, xml};

const STYLE: &str = "\
body{font:14px/22px system-ui,sans-serif;margin:1.5em;color:#222;background:#fff}\
h1{font-size:18px;overflow-wrap:anywhere}h2{font-size:15px;overflow-wrap:anywhere;margin:1em 0 .3em}\
input{font:inherit;width:min(30em,90%);padding:.3em .5em}\
table{border-collapse:collapse}th{text-align:left;font-weight:600}\
th,td{padding:0 1em 0 0;white-space:pre;vertical-align:top}\
td:first-child{font-family:monospace}td.sync{white-space:normal;min-width:20em}\
svg{vertical-align:top}tr:hover td{background:#f0f4f8}";

/// Rows without the words are hidden; words may stand in any column.
const SCRIPT: &str = "\
const box=document.getElementById('search'),count=document.getElementById('count');\
const rows=[...document.querySelectorAll('tbody tr')];\
const texts=rows.map(row=>row.textContent.toLowerCase());\
function search(){const words=box.value.toLowerCase().split(/\\s+/);let shown=0;\
rows.forEach((row,at)=>{const hit=words.every(word=>texts[at].includes(word));row.hidden=!hit;if(hit)shown++});\
count.textContent=shown+' of '+rows.length}\
box.addEventListener('input',search);search();";

pub(super) fn all(drawing: &Drawing) -> String {
    let title = xml(&drawing.title);
    let mut body = String::new();
    for drawn in drawing.forests.iter().filter(|drawn| !drawn.entries.is_empty()) {
        body += &forest(drawn, drawing.head());
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p><input id=\"search\" type=\"search\" placeholder=\"Search\" aria-label=\"Search\" autofocus> <span id=\"count\"></span></p>\n\
         {body}<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn forest(forest: &Drawn, head: &[&str]) -> String {
    let head: String = head.iter().map(|name| format!("<th>{}</th>", xml(name))).collect();
    let rows: String = forest.entries.iter().map(row).collect();
    let title = xml(&forest.title);
    format!(
        "<h2>{title}</h2>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    )
}

fn row(entry: &Entry) -> String {
    let (wide, lines) = (right(entry.row.depth), drawn(entry, 0));
    let colour = colour(entry.paint);
    let [age, mode, state, sync] = entry.columns().map(xml);
    format!(
        "<tr><td><svg width=\"{wide}\" height=\"{HEIGHT}\" stroke=\"#888\" stroke-width=\"1.5\" fill=\"none\">{lines}</svg>\
         <span style=\"color:{colour}\">{}</span></td><td>{age}</td><td>{mode}</td><td>{state}</td><td class=\"sync\">{sync}</td></tr>\n",
        xml(&entry.path)
    )
}
