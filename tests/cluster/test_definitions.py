"""Type files become resource definitions; the cache is keyed by what is built."""

from dataclasses import replace

from tests.cluster import definitions
from tests.cluster.recipe import RECIPE

TYPES = """
import { IObjectMeta } from "x";
/** A thing. */
export interface IThing {
    "apiVersion": "test/v1";
    "metadata"?: IObjectMeta;
    "spec": {
        /** {"not": "a type"} */
        "names": Array<string>;
        "mode"?: "Fast" | "Slow";
        "codes"?: Array<301 | 302>;
        "port"?: number | string;
        "labels"?: {
            [key: string]: string;
        };
        "free"?: {};
    };
}
export declare class Thing {}
"""


def test_a_type_file_becomes_a_schema():
    assert definitions.parse(TYPES) == {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["names"],
                "properties": {
                    "names": {"type": "array", "items": {"type": "string"}},
                    "mode": {"type": "string", "enum": ["Fast", "Slow"]},
                    "codes": {"type": "array", "items": {"type": "integer", "enum": [301, 302]}},
                    "port": {"x-kubernetes-int-or-string": True},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        },
    }


def test_another_recipe_is_another_build():
    assert replace(RECIPE, version="v1.20.3").key() != RECIPE.key()
