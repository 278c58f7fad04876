import { register } from "wraft";
import { Counter } from "./machine";

// What the host calls.
export * from "wraft/abi";

register(new Counter());
