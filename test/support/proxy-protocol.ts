/** Families of addresses in a header of version 2. */
export const TCP4 = 0x11
export const TCP6 = 0x21
export const UNIX = 0x31

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

/** A header of version 2 of the PROXY protocol; the command is PROXY if it is not told. */
export function binaryHeader(family: number, body: Uint8Array, command = 0x21): Buffer {
  const length = [body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([...SIGNATURE, command, family, ...length]), body])
}

/** The body of a header for a UNIX socket. */
export function unixAddresses(source: string, destination: string): Buffer {
  const body = Buffer.alloc(216)
  body.write(source, 0)
  body.write(destination, 108)
  return body
}
