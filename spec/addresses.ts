/** Names and addresses of hosts(5) and resolv.conf(5). Pure. */

/** Whether a text is an address of ip(7) or ipv6(7). */
export function isAddress(text: string): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    return text.split(".").every((part) => Number(part) < 256);
  }
  return /^[0-9a-f:.]+$/i.test(text) && text.includes(":") &&
    URL.canParse(`http://[${text}]`);
}

/** Whether a text is one word of such a file. */
export const isDomain = (text: string): boolean => /^[^\s#;]+$/.test(text);
