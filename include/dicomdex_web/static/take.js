// The detail page's filter and copy buttons. Without this file every attribute is there all the same.
const table = document.getElementById("attribute-table");

if (table) {
  const rows = [...table.tBodies[0].rows];
  const count = document.getElementById("attribute-count");
  const field = document.getElementById("attribute-filter");
  const all = document.getElementById("copy-all");

  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.value = words.length ? `${shown} of ${rows.length} elements` : `${rows.length} elements`;
  };

  const cells = (row) => [0, 1, 2, 3].map((at) => row.cells[at].textContent.trim());

  const copied = async (button, text) => {
    await navigator.clipboard.writeText(text);
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1200);
  };

  field.addEventListener("input", filter);
  if (navigator.clipboard) {
    for (const button of table.querySelectorAll(".copy")) {
      button.hidden = false;
    }
    all.hidden = false;
    table.addEventListener("click", (event) => {
      const button = event.target.closest(".copy");
      if (button) {
        copied(button, button.closest("tr").cells[3].textContent);
      }
    });
    all.addEventListener("click", () => {
      copied(all, rows.filter((row) => !row.hidden).map((row) => cells(row).join("\t")).join("\n"));
    });
  }
  filter();
}
