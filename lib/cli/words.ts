const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

/** Words of a line: bare, "with \n and \x41" or 'as they are'. Undefined when a quote is not closed, or text follows one at once. */
export function wordsOf(line: string): string[] | undefined {
  const words: string[] = []
  let rest = line.trimStart()
  while (rest !== '') {
    const match = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']\S*))(?=\s|$)/.exec(rest)
    if (match === null) return undefined
    const [whole, double, single, bare] = match
    words.push(double === undefined ? (single?.replaceAll("\\'", "'") ?? bare!) : unescaped(double))
    rest = rest.slice(whole.length).trimStart()
  }
  return words
}

function unescaped(text: string): string {
  // They are bytes: a character beyond ASCII has several, side by side.
  return text.replace(/((?:\\x[0-9a-fA-F]{2})+)|\\(.)/g, (_, bytes?: string, char?: string) =>
    bytes === undefined
      ? (ESCAPES[char!] ?? char!)
      : Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString()
  )
}

/** A word as a line may hold it. */
export function quoted(word: string): string {
  return word === '' || /[\s"'\\]/.test(word) ? `"${word.replace(/["\\]/g, '\\$&')}"` : word
}

/** A name without what people spell in different ways: case, dashes, underscores. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}
