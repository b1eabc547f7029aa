// Puts the files of a chosen folder that can hold rows into the form's file input, in the order of their paths.

function canHoldRows(file, endings) {
  const name = file.name.toLowerCase();
  return !/^[._]/.test(name) && endings.some((ending) => name.endsWith(ending));
}

export function offerFolders(form) {
  const box = form.querySelector("#folder-choice");
  const folder = box.querySelector("input");
  const said = box.querySelector("[role=status]");
  const endings = box.dataset.endings.split(" ");
  const { file } = form.elements;
  box.hidden = false;
  box.querySelector("button").addEventListener("click", () => folder.click());
  file.addEventListener("change", (event) => {
    if (!event.isTrusted) return; // the folder's, below
    said.textContent = "";
    delete file.dataset.folder;
  });
  folder.addEventListener("change", () => {
    const all = [...folder.files];
    const taken = all.filter((item) => canHoldRows(item, endings));
    taken.sort((one, other) => (one.webkitRelativePath < other.webkitRelativePath ? -1 : 1));
    const chosen = new DataTransfer();
    for (const item of taken) chosen.items.add(item);
    const name = all[0]?.webkitRelativePath.split("/")[0] ?? "";
    file.files = chosen.files;
    file.dataset.folder = name;
    said.textContent = taken.length
      ? `${taken.length} of ${all.length} files of “${name}” can hold rows and will be uploaded.`
      : `No file of “${name}” can hold rows: their names end in ${endings.join(", ")}.`;
    folder.value = "";
    file.dispatchEvent(new Event("change"));
  });
}
