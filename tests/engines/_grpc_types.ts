/** What the tests use of the packages of tests/engines/_grpc.ts. */

/** A method as @grpc/proto-loader describes it. */
export interface Method {
  path: string;
  requestSerialize(request: object): Uint8Array;
  responseDeserialize(bytes: Uint8Array): object;
}

/** A connection of @grpc/grpc-js. */
export interface GrpcClient {
  makeUnaryRequest<Answer>(
    path: string,
    serialize: (request: object) => Uint8Array,
    deserialize: (bytes: Uint8Array) => Answer,
    request: object,
    callback: (error: Error | null, answer?: Answer) => void,
  ): void;
  close(): void;
}

/** The exports of tests/engines/_grpc.ts. */
export interface Grpc {
  Client: new (
    address: string,
    credentials: object,
    options: Record<string, number>,
  ) => GrpcClient;
  credentials: { createInsecure(): object };
  loadSync(
    path: string,
    options: object,
  ): Record<string, Record<string, Method>>;
}
