/** What plans and the resolver agree on. Pure. */

/** The address at which a container finds the resolver, as with docker. */
export const RESOLVER_ADDRESS = "127.0.0.11";

/** The record of a container in the resolver's directory. */
export const registrationPath = (directory: string, container: string) =>
  `${directory}/containers/${container}`;
