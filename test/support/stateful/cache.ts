/** What a client that tracks keys knows of them, and whether what it is told of changes is right. */
export class Cache {
  told = 0
  /** How often it was told of what it did not know any more: once too often is allowed. */
  repeated = 0
  /** How often it was told to forget all. */
  forgotten = 0
  #on = false
  #prefixes: readonly string[] | undefined
  /** Keys of which it may be told. */
  readonly #read: Set<string> = new Set()
  readonly #known: Set<string> = new Set()
  /** Known keys that were changed, and of which it must be told. */
  readonly #owed: Set<string> = new Set()

  /** Keys that it was told of over another connection, perhaps before it was answered what it asked of them: then the answer is no news. */
  readonly #early: Set<string> = new Set()

  /** It is told from now on: of what it reads, or of prefixes. */
  begin(prefixes: readonly string[] | undefined): void {
    if (!this.#on) this.#read.clear()
    this.#on = true
    this.#prefixes = prefixes
  }

  /** Nothing may be told any more. */
  end(): void {
    this.#on = false
    this.forget()
  }

  /** Of what it knows it will not be told: nobody could tell it for a while. */
  forget(): void {
    this.#known.clear()
    this.#owed.clear()
  }

  /** A key was read, and its value is kept. */
  read(key: string): void {
    if (!this.#on) return
    this.#read.add(key)
    if (!this.#early.delete(key)) this.#known.add(key)
  }

  /** A key was read, but the reply was dropped. */
  asked(key: string): void {
    if (this.#on) this.#read.add(key)
    this.#early.delete(key)
  }

  /** A key was changed; `spared`: by the client itself, which wants not to be told of that. */
  changed(key: string, spared = false): void {
    if (spared) this.#known.delete(key)
    else if (this.#known.has(key)) this.#owed.add(key)
  }

  /** All that it asked is answered. Gives keys that it was told of although it never asked. */
  settle(): readonly string[] {
    const unfounded = [...this.#early].filter((key) => !this.#mayHear(key))
    this.#early.clear()
    return unfounded
  }

  /** Whether something is owed to it. */
  get waits(): boolean {
    return this.#owed.size > 0
  }

  /** What is owed, for messages. */
  get owed(): string {
    return [...this.#owed].map((key) => `that ${key} was changed, `).join('')
  }

  /**
   * It is told of keys, or (null) to forget all. Throws when that is not its business. Over another connection it may be told when it has ended that,
   * and, while it asks for something, before it has the answer.
   */
  tell(keys: readonly string[] | null, elsewhere: boolean, asking: boolean): void {
    if (!this.#on && !elsewhere) throw new Error(`told of ${keys} though it tracks nothing`)
    if (keys === null) {
      this.forgotten++
      this.forget()
      return
    }
    for (const key of keys) this.#tellOf(key, elsewhere, asking)
  }

  #tellOf(key: string, elsewhere: boolean, asking: boolean): void {
    this.told++
    const mayHear = this.#mayHear(key)
    if (!mayHear && !elsewhere) throw new Error(`told of ${key}, which it does not track`)
    // Of prefixes it will be told again, whatever it has read.
    const early = elsewhere && asking && this.#prefixes === undefined
    if (!mayHear || early) this.#early.add(key)
    if (!this.#known.delete(key)) this.repeated++
    this.#owed.delete(key)
  }

  #mayHear(key: string): boolean {
    return this.#prefixes?.some((prefix) => key.startsWith(prefix)) ?? this.#read.has(key)
  }
}
