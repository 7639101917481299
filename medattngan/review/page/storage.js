// What must outlive the page: reads not yet acknowledged, and the answers being given. In IndexedDB, by reader.

const NAME = "medattngan-review";

function finished(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("reads", { keyPath: "order", autoIncrement: true }).createIndex("reader", "reader");
    request.result.createObjectStore("drafts", { keyPath: ["reader", "n"] });
  };
  return finished(request);
}

/** Open the store of one reader. Where the browser keeps nothing, memory takes its place, and `lasting` is false. */
export async function openStorage(reader) {
  try {
    return new Lasting(await open(), reader);
  } catch {
    return new Fleeting();
  }
}

class Lasting {
  lasting = true;
  #database;
  #reader;

  constructor(database, reader) {
    this.#database = database;
    this.#reader = reader;
  }

  /** Run `work` in one transaction. A strict one resolves once it is on the disk, a relaxed one outlives the browser. */
  #write(stores, durability, work) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(stores, "readwrite", { durability });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      work(transaction);
    });
  }

  /** The reads that wait, in the order they were made. */
  reads() {
    return finished(this.#database.transaction("reads").objectStore("reads").index("reader").getAll(this.#reader));
  }

  /** Keep a read, and drop the draft it was made from, together. */
  keepRead(read) {
    return this.#write(["reads", "drafts"], "strict", (transaction) => {
      transaction.objectStore("reads").add({ ...read, reader: this.#reader });
      transaction.objectStore("drafts").delete([this.#reader, read.n]);
    });
  }

  dropRead(order) {
    return this.#write("reads", "strict", (transaction) => transaction.objectStore("reads").delete(order));
  }

  draft(n) {
    return finished(this.#database.transaction("drafts").objectStore("drafts").get([this.#reader, n]));
  }

  keepDraft(n, answers, milliseconds, begun) {
    return this.#write("drafts", "relaxed", (transaction) =>
      transaction.objectStore("drafts").put({ ...begun, reader: this.#reader, n, answers, milliseconds }),
    );
  }
}

class Fleeting {
  lasting = false;
  #reads = [];
  #drafts = new Map();
  #order = 0;

  async reads() {
    return [...this.#reads];
  }

  async keepRead(read) {
    this.#order += 1;
    this.#reads.push({ ...read, order: this.#order });
    this.#drafts.delete(read.n);
  }

  async dropRead(order) {
    this.#reads = this.#reads.filter((read) => read.order !== order);
  }

  async draft(n) {
    return this.#drafts.get(n);
  }

  async keepDraft(n, answers, milliseconds, begun) {
    this.#drafts.set(n, { ...begun, n, answers, milliseconds });
  }
}
