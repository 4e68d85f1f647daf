"use strict";
// Sorts a table where its heading is clicked. The page is whole without it.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const upward = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((each) => each.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", upward ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => compare(one.cells[column], other.cells[column], upward));
      table.tBodies[0].append(...rows);
    });
  });
}

// Numbers by size, words by the alphabet; what was not measured comes last either way.
function compare(one, other, upward) {
  const [left, right] = [value(one), value(other)];
  if (left === null || right === null) return (left === null) - (right === null);
  const order = typeof left === "number" && typeof right === "number"
    ? left - right
    : String(left).localeCompare(String(right), "en", { numeric: true });
  return upward ? order : -order;
}

function value(cell) {
  const held = cell.dataset.value;
  if (held === undefined) return cell.textContent.trim() || null;
  return held === "" || Number.isNaN(Number(held)) ? null : Number(held);
}

// A cell of the matrix leads into a closed table: open it where the browser does not.
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  const folded = target && target.closest("details");
  if (folded && !folded.open) {
    folded.open = true;
    target.scrollIntoView();
  }
}
window.addEventListener("hashchange", reveal);
reveal();
