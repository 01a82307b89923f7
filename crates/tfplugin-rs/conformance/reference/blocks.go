package main

import "github.com/hashicorp/terraform-plugin-framework/resource/schema"

// blocks has blocks of every kind, with blocks inside.
func blocks() schema.Schema {
	made := base(map[string]schema.Attribute{})
	made.Blocks = map[string]schema.Block{
		"head": schema.SingleNestedBlock{Attributes: map[string]schema.Attribute{
			"name":  schema.StringAttribute{Optional: true},
			"count": part()["count"],
			"stamp": schema.Int64Attribute{Computed: true},
		}},
		"line": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{
			Attributes: part(),
			Blocks: map[string]schema.Block{
				"inner": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: part()}},
				"set":   schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: plain()}},
			},
		}},
		"group":       schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: part()}},
		"group_plain": schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: plain()}},
		"with_nested": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
			"items": schema.ListNestedAttribute{Optional: true, NestedObject: objects(part())},
		}}},
	}
	return made
}
