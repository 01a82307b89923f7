package main

import "github.com/hashicorp/terraform-plugin-framework/resource/schema"

// secrets has what is hidden, and what is never kept.
func secrets() schema.Schema {
	hidden := map[string]schema.Attribute{
		"name":     schema.StringAttribute{Required: true},
		"token":    schema.StringAttribute{Optional: true, Sensitive: true},
		"token_wo": schema.StringAttribute{Optional: true, WriteOnly: true},
	}
	made := base(map[string]schema.Attribute{
		"password":  schema.StringAttribute{Optional: true, Sensitive: true},
		"secret_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true},
		"number_wo": schema.NumberAttribute{Optional: true, WriteOnly: true},
		"one":       schema.SingleNestedAttribute{Optional: true, Attributes: hidden},
		"list":      schema.ListNestedAttribute{Optional: true, NestedObject: objects(hidden)},
		"map":       schema.MapNestedAttribute{Optional: true, NestedObject: objects(hidden)},
	})
	made.Blocks = map[string]schema.Block{
		"block": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: hidden}},
	}
	return made
}
