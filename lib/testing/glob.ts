/** Reads `[...]` at `at`; answers whether it holds the character, and where the pattern goes on. */
function matchClass(pattern: string, at: number, char: string): { matched: boolean; next: number } {
  let i = at + 1
  const negated = pattern[i] === '^'
  if (negated) i++
  let matched = false
  for (; i < pattern.length && pattern[i] !== ']'; i++) {
    if (pattern[i] === '\\' && i + 1 < pattern.length) {
      i++
      if (pattern[i] === char) matched = true
    } else if (pattern[i + 1] === '-' && i + 2 < pattern.length) {
      const [low, high] = [pattern[i]!, pattern[i + 2]!].sort() as [string, string]
      if (char >= low && char <= high) matched = true
      i += 2
    } else if (pattern[i] === char) matched = true
  }
  return { matched: matched !== negated, next: i + 1 }
}

/** Matches what stands before the next `*` or the end of the pattern; answers where pattern and text go on. */
function matchOne(pattern: string, p: number, char: string): number | undefined {
  if (pattern[p] === '[') {
    const found = matchClass(pattern, p, char)
    return found.matched ? found.next : undefined
  }
  if (pattern[p] === '?') return p + 1
  const literal = pattern[p] === '\\' && p + 1 < pattern.length ? p + 1 : p
  return pattern[literal] === char ? literal + 1 : undefined
}

/** Whether a text matches a glob of Redis: `*`, `?`, `[a-c]`, `[^a]`, and `\` before any of them. */
export function matchesGlob(pattern: string, text: string, from = 0, at = 0): boolean {
  let p = from
  for (let t = at; p < pattern.length; t++) {
    if (pattern[p] === '*') {
      while (pattern[p + 1] === '*') p++
      for (let rest = t; rest <= text.length; rest++) {
        if (matchesGlob(pattern, text, p + 1, rest)) return true
      }
      return false
    }
    const next = t < text.length ? matchOne(pattern, p, text[t]!) : undefined
    if (next === undefined) return false
    p = next
    if (p === pattern.length) return t + 1 === text.length
  }
  return at === text.length
}
